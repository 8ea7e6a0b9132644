-- Named queries of the shared store. Rows go in as arrays, one for each column.

-- Everything a batch implies, in one statement and so in one transaction: births, moves, and what
-- follows from those of them that won. Under a halt no birth wins, and no move that begins an
-- attempt; the switch is locked against a move of it until our COMMIT. A birth loses to one with its id or key, a move to any
-- other change of its order or its lease. Rows are locked in the order of their ids; the end of
-- the feed is locked last, so that nobody who holds it waits for a row.
-- name: write_batch
WITH b AS (
    SELECT * FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::bytea[], $5::bytea[], $6::text[], $7::bigint[],
        $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bytea[],
        $14::bigint[], $15::text[]
    ) AS b (
        id, principal, client_key, fingerprint, reply, status, version, lease_owner, lease_epoch,
        wake_at, last_seq, last_at, head_hash, created_at, state
    )
), m AS (
    SELECT * FROM unnest(
        $16::text[], $17::bigint[], $18::bytea[], $19::text[], $20::bigint[], $21::bigint[],
        $22::bigint[], $23::bigint[], $24::bigint[], $25::bytea[], $26::bigint[], $27::bigint[],
        $28::text[], $29::text[], $56::boolean[]
    ) AS m (
        id, was, was_hash, status, version, epoch, delay, last_seq, last_at, head_hash, route_seq,
        attempt, state, was_status, begins
    )
), clock AS MATERIALIZED (
    SELECT engine_now() AS at
), stop AS MATERIALIZED (
    SELECT s.reason, s.by_whom, s.at
    FROM (SELECT * FROM halt WHERE $55::boolean FOR SHARE) AS s
    WHERE s.reason IS NOT NULL
), locked AS MATERIALIZED (
    SELECT o.id FROM engine_orders AS o
    JOIN m ON m.id = o.id
    WHERE o.version = m.was AND o.head_hash = m.was_hash
      AND (m.epoch IS NULL OR o.lease_epoch = m.epoch)
      AND NOT (m.begins AND EXISTS (SELECT FROM stop))
    ORDER BY o.id
    FOR UPDATE OF o
), moved AS (
    UPDATE engine_orders AS o
    SET status = m.status, version = m.version, last_seq = m.last_seq, last_at = m.last_at,
        head_hash = m.head_hash, route_seq = m.route_seq, attempt = m.attempt, state = m.state,
        lease_owner = CASE WHEN m.delay IS NOT NULL THEN o.lease_owner END,
        due_at = CASE
            WHEN m.delay > 0 THEN clock.at + m.delay
            WHEN m.delay <= 0 THEN least(o.due_at, clock.at)
        END,
        wake_at = CASE
            WHEN m.delay IS NULL THEN NULL
            WHEN o.lease_owner IS NULL THEN clock.at + greatest(m.delay, 0)
            WHEN m.epoch IS NOT NULL AND o.wake_at < clock.at + $54::bigint / 2
                THEN clock.at + $54::bigint
            ELSE o.wake_at
        END
    FROM m, clock
    WHERE o.id = m.id AND o.id IN (SELECT id FROM locked)
    RETURNING o.id, o.principal, m.was_status, o.status
), born AS (
    INSERT INTO engine_orders (
        id, principal, client_key, fingerprint, reply, status, version, lease_owner, lease_epoch,
        wake_at, due_at, last_seq, last_at, head_hash, created_at, state
    )
    SELECT
        b.id, b.principal, b.client_key, b.fingerprint, b.reply, b.status, b.version,
        b.lease_owner, b.lease_epoch, due.at, due.at, b.last_seq, b.last_at, b.head_hash,
        b.created_at, b.state
    FROM b, clock, LATERAL (
        SELECT CASE
            WHEN b.wake_at > b.created_at THEN clock.at + b.wake_at - b.created_at
            ELSE least(b.wake_at, clock.at)
        END AS at
    ) AS due
    WHERE NOT EXISTS (SELECT FROM stop)
    ORDER BY b.principal, b.client_key, b.id
    ON CONFLICT DO NOTHING
    RETURNING id, principal, status
), won AS MATERIALIZED (
    SELECT id, principal, was_status, status FROM moved
    UNION ALL
    SELECT id, principal, NULL, status FROM born
), lines AS MATERIALIZED (
    SELECT e.*, won.principal, row_number() OVER (ORDER BY e.place) AS nth
    FROM unnest(
        $30::text[], $31::bigint[], $32::bigint[], $33::text[], $34::text[], $35::bytea[]
    ) WITH ORDINALITY AS e (order_id, seq, at, kind, payload, hash, place)
    JOIN won ON won.id = e.order_id
), closed AS (
    UPDATE attempts AS a SET state = c.state, evidence = c.evidence
    FROM unnest($36::text[], $37::bigint[], $38::text[], $39::text[])
        AS c (order_id, number, state, evidence)
    JOIN won ON won.id = c.order_id
    WHERE a.order_id = c.order_id AND a.number = c.number
    RETURNING 1
), tried AS (
    INSERT INTO attempts (
        order_id, number, signature, state, blockhash, last_valid_height, built_slot,
        transaction_bytes
    )
    SELECT t.order_id, t.number, t.signature, t.state, t.blockhash, t.height, t.slot, t.bytes
    FROM (SELECT count(*) FROM closed) AS after_those_closed, unnest(
        $40::text[], $41::bigint[], $42::text[], $43::text[], $44::text[], $45::bigint[],
        $46::bigint[], $47::bytea[]
    ) AS t (order_id, number, signature, state, blockhash, height, slot, bytes)
    JOIN won ON won.id = t.order_id
    RETURNING 1
), filled AS (
    INSERT INTO fills (order_id, signature, amount_in, amount_out, fee_lamports, slot)
    SELECT
        f.order_id, f.signature, f.amount_in::numeric, f.amount_out::numeric,
        f.fee_lamports::numeric, f.slot
    FROM unnest($48::text[], $49::text[], $50::text[], $51::text[], $52::text[], $53::bigint[])
        AS f (order_id, signature, amount_in, amount_out, fee_lamports, slot)
    JOIN won ON won.id = f.order_id
    RETURNING 1
), sums AS MATERIALIZED (
    SELECT
        (SELECT count(*) FROM lines) AS lines,
        (SELECT count(*) FROM tried) + (SELECT count(*) FROM filled) AS written_before,
        (SELECT coalesce(sum(
            (status IN ('pending', 'routing', 'building', 'submitted'))::int
            - coalesce(was_status IN ('pending', 'routing', 'building', 'submitted'), false)::int
        ), 0) FROM won) AS opened
), bump AS (
    UPDATE feed_end AS f
    SET n = f.n + sums.lines, backlog = f.backlog + sums.opened
    FROM sums
    WHERE sums.lines > 0 AND sums.written_before >= 0
    RETURNING f.n - sums.lines AS place, f.backlog
), told AS (
    INSERT INTO journal (n, order_id, seq, at, kind, payload, hash, principal)
    SELECT bump.place + l.nth, l.order_id, l.seq, l.at, l.kind, l.payload, l.hash, l.principal
    FROM bump, lines AS l
), tallied AS (
    INSERT INTO tallies AS t (principal, status, n)
    SELECT d.principal, d.status, sum(d.step)
    FROM bump, (
        SELECT principal, status, 1 AS step FROM won
        UNION ALL
        SELECT principal, was_status, -1 FROM won WHERE was_status IS NOT NULL
    ) AS d
    GROUP BY d.principal, d.status
    HAVING sum(d.step) <> 0
    ON CONFLICT (principal, status) DO UPDATE SET n = t.n + excluded.n
)
SELECT won.id, bump.place, bump.backlog, stop.reason, stop.by_whom, stop.at
FROM (SELECT) AS always
LEFT JOIN won ON true LEFT JOIN bump ON true LEFT JOIN stop ON true

-- name: claim
WITH free AS (
    SELECT id FROM engine_orders
    WHERE id = ANY ($1::text[]) AND wake_at IS NOT NULL
      AND (lease_owner IS NULL OR wake_at <= (SELECT engine_now())
           OR wake_at > (SELECT engine_now()) + $4::bigint)
      AND NOT EXISTS (
          SELECT FROM missing_attempts AS m WHERE m.order_id = engine_orders.id AND NOT m.failed)
    ORDER BY id
    FOR UPDATE
)
UPDATE engine_orders AS o
SET lease_owner = $2, lease_epoch = o.lease_epoch + 1, wake_at = engine_now() + $3::bigint
WHERE o.id = ANY (ARRAY(SELECT id FROM free))
RETURNING o.id, o.lease_epoch

-- Who waits for no lock can be part of no deadlock, so these are locked in the order of their turn.
-- name: claim_due
WITH due AS (
    SELECT id FROM engine_orders
    WHERE wake_at <= (SELECT engine_now())
      AND NOT EXISTS (
          SELECT FROM missing_attempts AS m WHERE m.order_id = engine_orders.id AND NOT m.failed)
    ORDER BY wake_at
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
UPDATE engine_orders AS o
SET lease_owner = $2, lease_epoch = o.lease_epoch + 1, wake_at = engine_now() + $3::bigint
WHERE o.id = ANY (ARRAY(SELECT id FROM due))
RETURNING o.id, o.lease_epoch

-- Further off than any wait or lease, they were set before the clock stepped back.
-- name: claim_ahead
WITH ahead AS (
    SELECT id FROM engine_orders
    WHERE wake_at > (SELECT engine_now()) + $4::bigint
      AND NOT EXISTS (
          SELECT FROM missing_attempts AS m WHERE m.order_id = engine_orders.id AND NOT m.failed)
    ORDER BY wake_at
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
UPDATE engine_orders AS o
SET lease_owner = $2, lease_epoch = o.lease_epoch + 1, wake_at = engine_now() + $3::bigint
WHERE o.id = ANY (ARRAY(SELECT id FROM ahead))
RETURNING o.id, o.lease_epoch

-- name: renew
WITH held AS (
    SELECT o.id FROM engine_orders AS o
    JOIN unnest($1::text[], $2::bigint[]) AS h (id, epoch) ON o.id = h.id
    WHERE o.lease_epoch = h.epoch AND o.lease_owner = $3 AND o.wake_at IS NOT NULL
    ORDER BY o.id
    FOR UPDATE OF o
)
UPDATE engine_orders AS o SET wake_at = engine_now() + $4::bigint
WHERE o.id = ANY (ARRAY(SELECT id FROM held))

-- name: release
WITH held AS (
    SELECT o.id FROM engine_orders AS o
    JOIN unnest($1::text[], $2::bigint[]) AS h (id, epoch) ON o.id = h.id
    WHERE o.lease_epoch = h.epoch AND o.lease_owner = $3
    ORDER BY o.id
    FOR UPDATE OF o
)
UPDATE engine_orders AS o SET lease_owner = NULL, wake_at = o.due_at
WHERE o.id = ANY (ARRAY(SELECT id FROM held))

-- name: engine_now
SELECT engine_now()

-- name: order_states
SELECT id, state FROM engine_orders WHERE id = ANY ($1::text[])

-- name: orders_by_id
SELECT * FROM loaded_orders WHERE id = ANY ($1::text[])

-- name: orders_still
SELECT * FROM loaded_orders
WHERE id = ANY (ARRAY(
    SELECT id FROM engine_orders
    WHERE wake_at IS NOT NULL AND last_at <= $1
    ORDER BY last_at
    LIMIT $2
))
ORDER BY last_at

-- name: standing
SELECT count(*), count(a.state)
FROM engine_orders AS o
LEFT JOIN attempts AS a
    ON a.order_id = o.id AND a.number = o.attempt AND a.state = 'in_flight'
WHERE o.wake_at IS NOT NULL

-- Ids alone, so that rows that are passed over are never read: an id is never older than its order.
-- name: page_ids
SELECT id FROM engine_orders
WHERE principal = $1 AND id < $2::text AND id >= $3::text
ORDER BY id DESC
LIMIT $4 OFFSET $5

-- The same, of some statuses or from an instant on, for which rows are looked at.
-- name: page_ids_of
SELECT id FROM engine_orders
WHERE principal = $1 AND id < $2::text AND id >= $3::text
  AND ($6::text[] IS NULL OR status = ANY ($6::text[]))
  AND created_at >= coalesce($7::bigint, 0)
ORDER BY id DESC
LIMIT $4 OFFSET $5

-- By a token or a wallet.
-- name: page_ids_by
SELECT order_id FROM order_filters
WHERE principal = $1 AND field = $6 AND word = $7
  AND order_id < $2::text AND order_id >= $3::text
ORDER BY order_id DESC
LIMIT $4 OFFSET $5

-- By a token or a wallet, and by more besides.
-- name: page_ids_by_and
SELECT f.order_id FROM order_filters AS f
WHERE f.principal = $1 AND f.field = $6 AND f.word = $7
  AND f.order_id < $2::text AND f.order_id >= $3::text
  AND CASE WHEN $8::text IS NULL THEN true ELSE EXISTS (
      SELECT FROM order_filters AS w
      WHERE w.principal = $1 AND w.field = 'wallet' AND w.word = $8::text
        AND w.order_id = f.order_id) END
  AND EXISTS (
      SELECT FROM engine_orders AS o
      WHERE o.id = f.order_id AND ($9::text[] IS NULL OR o.status = ANY ($9::text[]))
        AND o.created_at >= coalesce($10::bigint, 0))
ORDER BY f.order_id DESC
LIMIT $4 OFFSET $5

-- name: keyed
SELECT id, fingerprint, reply FROM engine_orders WHERE principal = $1 AND client_key = $2

-- Whose keys are taken, and by whom.
-- name: all_keyed
SELECT k.nth - 1, o.id, o.fingerprint, o.reply
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (principal, client_key, nth)
JOIN engine_orders AS o ON o.principal = k.principal AND o.client_key = k.client_key

-- Where lines of ours stand, if they are there.
-- name: places
SELECT k.nth - 1, j.n
FROM unnest($1::text[], $2::bigint[], $3::bytea[]) WITH ORDINALITY AS k (order_id, seq, hash, nth)
JOIN journal AS j ON j.order_id = k.order_id AND j.seq = k.seq AND j.hash = k.hash

-- name: census
SELECT status, n FROM tallies WHERE principal = $1

-- name: delayed
SELECT count(*) FROM engine_orders
WHERE wake_at > (SELECT engine_now()) AND due_at > (SELECT engine_now())
  AND principal = $1 AND status NOT IN ('confirmed', 'submitted')

-- name: entries
SELECT order_id, seq, at, kind, payload, hash FROM journal
WHERE order_id = $1 AND seq > $2
ORDER BY seq
LIMIT $3

-- name: journals
SELECT order_id, seq, at, kind, payload, hash FROM journal
WHERE order_id = ANY ($1::text[])
ORDER BY order_id, seq

-- name: feed
SELECT n, order_id, seq, principal FROM journal
WHERE principal = $2 AND n > $1
ORDER BY n
LIMIT $3

-- name: feed_all
SELECT n, order_id, seq, principal FROM journal
WHERE n > $1
ORDER BY n
LIMIT $2

-- name: feed_end
SELECT n, backlog FROM feed_end

-- Whether a write can be made, asked by making one that changes nothing.
-- name: probe
UPDATE feed_end SET n = n

-- name: halt
WITH moved AS (UPDATE halt SET reason = $1, by_whom = $2, at = $3)
INSERT INTO halt_log (at, by_whom, what, reason) VALUES ($3, $2, 'halt', $1)

-- name: resume
WITH moved AS (
    UPDATE halt SET reason = NULL, by_whom = NULL, at = NULL WHERE reason IS NOT NULL RETURNING 1
)
INSERT INTO halt_log (at, by_whom, what, reason)
SELECT $3::bigint, $1::text, 'resume', $2::text FROM moved

-- name: halted
SELECT reason, by_whom, at FROM halt WHERE reason IS NOT NULL

-- name: any_key
SELECT EXISTS (SELECT FROM api_keys)

-- name: key_by_id
SELECT id, digest, principal, name, scopes, wallets, orders_per_minute, created_at, expires_at,
    revoked_at, last_used_at
FROM api_keys WHERE id = $1

-- name: all_keys
SELECT id, digest, principal, name, scopes, wallets, orders_per_minute, created_at, expires_at,
    revoked_at, last_used_at
FROM api_keys ORDER BY created_at, id

-- name: add_key
INSERT INTO api_keys (
    id, digest, principal, name, scopes, wallets, orders_per_minute, created_at, expires_at,
    revoked_at, last_used_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: revoke_key
UPDATE api_keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL RETURNING id

-- name: note_key_use
UPDATE api_keys SET last_used_at = greatest(last_used_at, $1) WHERE id = $2

-- name: compared
SELECT slot FROM chain_mark

-- name: note_compared
UPDATE chain_mark SET slot = $1 WHERE slot IS DISTINCT FROM $1

-- name: recorded
SELECT signature FROM attempts WHERE signature = ANY ($1::text[])
UNION
SELECT signature FROM missing_attempts WHERE signature = ANY ($1::text[])

-- name: note_missing
INSERT INTO missing_attempts (signature, order_id, number, slot, failed, noted_at)
SELECT m.*, $6::bigint
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::boolean[]) AS m
ON CONFLICT DO NOTHING

-- name: count_missing
SELECT count(*) FROM missing_attempts

-- name: missing
SELECT signature, slot, order_id, number, failed FROM missing_attempts
ORDER BY slot DESC, signature LIMIT $1

-- A page of an audit ends with the nth order or with the nth line after an id, whichever is first.
-- name: audit_bound
SELECT
    (SELECT id FROM engine_orders WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2::int),
    (SELECT order_id FROM journal WHERE order_id > $1 ORDER BY order_id LIMIT 1 OFFSET $3::int)

-- name: audit_rows
SELECT id, principal, status, version, lease_owner, lease_epoch, wake_at, last_seq, last_at,
    head_hash, created_at, state, route_seq, attempt
FROM engine_orders WHERE id > $1 AND id <= $2

-- name: audit_lines
SELECT n, order_id, seq, at, kind, payload, hash, principal
FROM journal WHERE order_id > $1 AND order_id <= $2 ORDER BY order_id, seq

-- name: audit_attempts
SELECT order_id, number, signature, blockhash, last_valid_height, built_slot, state,
    transaction_bytes, evidence
FROM attempts WHERE order_id > $1 AND order_id <= $2

-- name: audit_fills
SELECT order_id, signature, amount_in::text, amount_out::text, fee_lamports::text, slot
FROM fills WHERE order_id > $1 AND order_id <= $2

-- name: audit_counts
SELECT (SELECT count(*) FROM journal), (SELECT max(n) FROM journal), n, backlog FROM feed_end

-- name: audit_tallies
SELECT principal, status, n FROM tallies

-- name: prunable
SELECT id, principal, client_key FROM engine_orders
WHERE id < $1 AND wake_at IS NULL AND last_at < $2
  AND NOT EXISTS (SELECT FROM fills AS f WHERE f.order_id = engine_orders.id AND f.summed = 0)
ORDER BY id
LIMIT $3

-- name: transactions
SELECT order_id, transaction_bytes FROM attempts
WHERE order_id = ANY ($1::text[])
ORDER BY order_id, number

-- Whoever writes takes this row before the counts, and so does whoever prunes.
-- name: hold_writers
SELECT n FROM feed_end FOR UPDATE

-- name: prune
WITH gone AS (
    DELETE FROM engine_orders WHERE id = ANY ($1::text[]) RETURNING principal, status
), filters AS (
    DELETE FROM order_filters AS f
    USING engine_orders AS o
    JOIN journal AS b ON b.order_id = o.id AND b.seq = 1,
    LATERAL (SELECT readable_intent(b.payload) AS intent OFFSET 0) AS i,
    LATERAL (VALUES
        ('token', i.intent #>> '{pair,token_in,symbol}'),
        ('token', i.intent #>> '{pair,token_in,mint}'),
        ('token', i.intent #>> '{pair,token_out,symbol}'),
        ('token', i.intent #>> '{pair,token_out,mint}'),
        ('wallet', i.intent ->> 'wallet')
    ) AS k (field, word)
    WHERE o.id = ANY ($1::text[]) AND f.principal = o.principal AND f.field = k.field
      AND f.word = k.word AND f.order_id = o.id
), lines AS (
    DELETE FROM journal WHERE order_id = ANY ($1::text[]) RETURNING n
), tried AS (
    DELETE FROM attempts WHERE order_id = ANY ($1::text[])
), moved AS (
    DELETE FROM fills WHERE order_id = ANY ($1::text[])
), tallied AS (
    UPDATE tallies AS t SET n = t.n - g.n
    FROM (SELECT principal, status, count(*) AS n FROM gone GROUP BY principal, status) AS g
    WHERE t.principal = g.principal AND t.status = g.status
)
UPDATE pruned
SET place = greatest(place, (SELECT max(n) FROM lines)),
    orders = orders + (SELECT count(*) FROM gone)

-- name: pruned
SELECT place, orders FROM pruned

-- Fills that are in no sum yet, and whether each is of the attempt that counts.
-- name: fills_not_summed
SELECT f.order_id, o.principal, a.signature = f.signature, o.state, b.payload, r.payload,
    f.amount_in::text, f.amount_out::text, f.fee_lamports::text
FROM fills AS f
LEFT JOIN engine_orders AS o ON o.id = f.order_id
LEFT JOIN journal AS b ON b.order_id = o.id AND b.seq = 1
LEFT JOIN journal AS r ON r.order_id = o.id AND r.seq = o.route_seq
LEFT JOIN attempts AS a ON a.order_id = o.id AND a.number = o.attempt
WHERE f.summed = 0 AND ($1::text IS NULL OR o.principal = $1::text)
LIMIT $2

-- name: count_fills_unreadable
SELECT count(*) FROM fills AS f
WHERE f.summed = 2
  AND (SELECT o.principal FROM engine_orders AS o WHERE o.id = f.order_id) = $1

-- name: day_sums
SELECT day, pair, fills, attempts, fee_lamports, amount_in, amount_out, quoted_in, quoted_out, worse
FROM daily_fills
WHERE principal = $1 AND day >= $2
ORDER BY day DESC, pair DESC
LIMIT $3

-- One process adds up at a time; who comes second leaves it to the first.
-- name: hold_sums
SELECT pg_try_advisory_xact_lock($1)

-- name: add_to_day_sums
INSERT INTO daily_fills AS d (
    principal, day, pair, fills, attempts, fee_lamports, amount_in, amount_out, quoted_in,
    quoted_out, worse
)
SELECT * FROM unnest(
    $1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::numeric[],
    $7::numeric[], $8::numeric[], $9::numeric[], $10::numeric[], $11::numeric[]
)
ON CONFLICT (principal, day, pair) DO UPDATE
SET fills = d.fills + excluded.fills, attempts = d.attempts + excluded.attempts,
    fee_lamports = d.fee_lamports + excluded.fee_lamports,
    amount_in = d.amount_in + excluded.amount_in, amount_out = d.amount_out + excluded.amount_out,
    quoted_in = d.quoted_in + excluded.quoted_in, quoted_out = d.quoted_out + excluded.quoted_out,
    worse = d.worse + excluded.worse

-- name: mark_fills
UPDATE fills AS f SET summed = m.mark
FROM unnest($1::text[], $2::smallint[]) AS m (order_id, mark)
WHERE f.order_id = m.order_id
