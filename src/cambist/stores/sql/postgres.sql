-- Named queries of the shared store. Rows go in as arrays, one for each column.

-- What it does, and in which order it locks, is said in schema/postgres/0005_write_batch.pre.sql.
-- name: write_batch
SELECT lost, position_before, open_orders, halt_reason, halt_by, halt_at
FROM write_batch($1, $2, $3, $4, $5, $6, $7, $8)

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
    WHERE wake_at <= (SELECT engine_now()) AND status <> 'waiting'
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

-- Orders that wait for a price, past their deadline or left by a process that died.
-- name: claim_resting_due
WITH due AS (
    SELECT id FROM engine_orders
    WHERE wake_at <= (SELECT engine_now()) AND status = 'waiting'
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
    WHERE wake_at > (SELECT engine_now()) + $4::bigint AND status <> 'waiting'
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
    WHERE wake_at IS NOT NULL AND status <> 'waiting' AND last_at <= $1
    ORDER BY last_at
    LIMIT $2
))
ORDER BY last_at

-- name: resting_orders
SELECT * FROM loaded_orders
WHERE id = ANY (ARRAY(
    SELECT id FROM engine_orders WHERE status = 'waiting' AND id > $1 ORDER BY id LIMIT $2
))
ORDER BY id

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
  AND principal = $1 AND status <> 'waiting' AND status NOT IN ('confirmed', 'submitted')

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
