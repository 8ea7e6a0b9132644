-- Named queries of the embedded store. Parameters are positional, in the order written; a query
-- with {rows} is run over many rows at once.

-- name: add_orders
INSERT INTO engine_orders (
    id, principal, client_key, fingerprint, reply, status, version, lease_owner, lease_epoch,
    wake_at, last_seq, last_at, head_hash, created_at, state
) VALUES {rows}

-- name: move_orders
UPDATE engine_orders
SET status = m.column4, version = m.column5, lease_owner = m.column6, lease_epoch = m.column7,
    wake_at = m.column8, last_seq = m.column9, last_at = m.column10, head_hash = m.column11,
    route_seq = m.column12, attempt = m.column13, state = m.column14
FROM (VALUES {rows}) AS m
WHERE engine_orders.id = m.column1
  AND engine_orders.version = m.column2 AND engine_orders.head_hash = m.column3

-- name: void_leases
UPDATE engine_orders SET wake_at = last_at WHERE wake_at = ? AND status <> 'waiting'

-- name: add_entries
INSERT INTO journal (order_id, seq, at, kind, payload, hash) VALUES {rows}

-- name: add_attempts
INSERT INTO attempts (
    order_id, number, signature, state, blockhash, last_valid_height, built_slot,
    transaction_bytes
) VALUES {rows}

-- name: close_attempts
UPDATE attempts SET state = c.column3, evidence = c.column4
FROM (VALUES {rows}) AS c
WHERE attempts.order_id = c.column1 AND attempts.number = c.column2

-- name: add_fills
INSERT INTO fills (order_id, signature, amount_in, amount_out, fee_lamports, slot) VALUES {rows}

-- name: order_by_id
SELECT * FROM loaded_orders WHERE id = ?

-- name: order_states
SELECT id, state FROM engine_orders WHERE id IN (SELECT value FROM json_each(?))

-- name: orders_by_id
SELECT * FROM loaded_orders
WHERE id IN (SELECT value FROM json_each(?))
ORDER BY wake_at

-- name: orders_due
SELECT id FROM engine_orders
WHERE wake_at <= ? AND status <> 'waiting'
ORDER BY wake_at
LIMIT ?

-- name: resting_due
SELECT id FROM engine_orders
WHERE wake_at <= ? AND status = 'waiting'
ORDER BY wake_at
LIMIT ?

-- name: orders_ahead
SELECT id FROM engine_orders
WHERE wake_at > ? AND wake_at < ? AND status <> 'waiting'
ORDER BY wake_at
LIMIT ?

-- name: resting_orders
SELECT * FROM loaded_orders WHERE status = 'waiting' AND id > ? ORDER BY id LIMIT ?

-- Ids alone, so that rows that are passed over are never read: an id is never older than its order.
-- name: page_ids
SELECT id FROM engine_orders
WHERE principal = ? AND id < ? AND id >= ?
ORDER BY id DESC
LIMIT ? OFFSET ?

-- The same, of some statuses or from an instant on, for which rows are looked at.
-- name: page_ids_of
SELECT id FROM engine_orders
WHERE principal = ?1 AND id < ?2 AND id >= ?3
  AND (?4 IS NULL OR status IN (SELECT value FROM json_each(?4)))
  AND (?5 IS NULL OR created_at >= ?5)
ORDER BY id DESC
LIMIT ?6 OFFSET ?7

-- By a token or a wallet, and by a wallet besides.
-- name: page_ids_by
SELECT f.order_id FROM order_filters AS f
WHERE f.principal = ?1 AND f.field = ?8 AND f.word = ?9 AND f.order_id < ?2 AND f.order_id >= ?3
  AND ((?4 IS NULL AND ?5 IS NULL) OR EXISTS (
      SELECT 1 FROM engine_orders AS o
      WHERE o.id = f.order_id
        AND (?4 IS NULL OR o.status IN (SELECT value FROM json_each(?4)))
        AND (?5 IS NULL OR o.created_at >= ?5)))
  AND (?10 IS NULL OR EXISTS (
      SELECT 1 FROM order_filters AS w
      WHERE w.principal = ?1 AND w.field = 'wallet' AND w.word = ?10 AND w.order_id = f.order_id))
ORDER BY f.order_id DESC
LIMIT ?6 OFFSET ?7

-- name: orders_still
SELECT * FROM loaded_orders
WHERE wake_at IS NOT NULL AND status <> 'waiting' AND last_at <= ?
ORDER BY last_at
LIMIT ?

-- name: standing
SELECT count(*), count(a.state)
FROM engine_orders AS o
LEFT JOIN attempts AS a
    ON a.order_id = o.id AND a.number = o.attempt AND a.state = 'in_flight'
WHERE o.wake_at IS NOT NULL

-- name: keyed
SELECT id, fingerprint, reply FROM engine_orders WHERE principal = ? AND client_key = ?

-- name: census
SELECT principal, status, count(*) FROM engine_orders GROUP BY principal, status

-- name: delayed
SELECT count(*) FROM engine_orders INDEXED BY engine_orders_due
WHERE wake_at > ? AND principal = ? AND status <> 'waiting'
  AND status NOT IN ('confirmed', 'submitted')

-- name: entries
SELECT order_id, seq, at, kind, payload, hash FROM journal
WHERE order_id = ? AND seq > ?
ORDER BY seq
LIMIT ?

-- name: journals
SELECT order_id, seq, at, kind, payload, hash FROM journal
WHERE order_id IN (SELECT value FROM json_each(?))
ORDER BY order_id, seq

-- name: lines_after
SELECT order_id, seq FROM journal WHERE n > ? ORDER BY n

-- name: feed
SELECT p.n, j.order_id, j.seq, p.principal
FROM principal_events AS p
JOIN journal AS j ON j.n = p.n
WHERE p.n > ? AND p.principal = ?
ORDER BY p.n
LIMIT ?

-- name: feed_all
SELECT j.n, j.order_id, j.seq, o.principal
FROM journal AS j
JOIN engine_orders AS o ON o.id = j.order_id
WHERE j.n > ?
ORDER BY j.n
LIMIT ?

-- name: feed_end
SELECT coalesce(max(n), 0) FROM journal

-- name: any_key
SELECT EXISTS (SELECT 1 FROM api_keys)

-- name: key_by_id
SELECT id, digest, principal, name, scopes, wallets, orders_per_minute, created_at, expires_at,
    revoked_at, last_used_at
FROM api_keys WHERE id = ?

-- name: all_keys
SELECT id, digest, principal, name, scopes, wallets, orders_per_minute, created_at, expires_at,
    revoked_at, last_used_at
FROM api_keys ORDER BY created_at, id

-- name: add_key
INSERT INTO api_keys (
    id, digest, principal, name, scopes, wallets, orders_per_minute, created_at, expires_at,
    revoked_at, last_used_at
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: revoke_key
UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL

-- name: note_key_use
UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?

-- name: halt_now
INSERT INTO halt (one, reason, by, at) VALUES (1, ?, ?, ?)
ON CONFLICT (one) DO UPDATE SET reason = excluded.reason, by = excluded.by, at = excluded.at

-- name: resume_now
DELETE FROM halt

-- name: log_halt
INSERT INTO halt_log (at, by, what, reason) VALUES (?, ?, ?, ?)

-- name: halted
SELECT reason, by, at FROM halt

-- name: take_room
INSERT OR REPLACE INTO room VALUES (1, randomblob(65536))

-- name: compared
SELECT slot FROM chain_mark

-- name: note_compared
INSERT INTO chain_mark (one, slot) VALUES (1, ?)
ON CONFLICT (one) DO UPDATE SET slot = excluded.slot

-- name: recorded
SELECT signature FROM attempts WHERE signature IN (SELECT value FROM json_each(?1))
UNION
SELECT signature FROM missing_attempts WHERE signature IN (SELECT value FROM json_each(?1))

-- name: note_missing
INSERT OR IGNORE INTO missing_attempts (signature, order_id, number, slot, failed, noted_at)
VALUES (?, ?, ?, ?, ?, ?)

-- name: count_missing
SELECT count(*) FROM missing_attempts

-- name: missing
SELECT signature, slot, order_id, number, failed FROM missing_attempts
ORDER BY slot DESC, signature LIMIT ?

-- name: barred
SELECT DISTINCT order_id FROM missing_attempts WHERE NOT failed AND order_id IS NOT NULL

-- A page of an audit ends with the nth order or with the nth line after an id, whichever is first.
-- name: audit_bound
SELECT
    (SELECT id FROM engine_orders WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2),
    (SELECT order_id FROM journal WHERE order_id > ?1 ORDER BY order_id LIMIT 1 OFFSET ?3)

-- name: audit_rows
SELECT id, principal, status, version, lease_owner, lease_epoch, wake_at, last_seq, last_at,
    head_hash, created_at, state, route_seq, attempt
FROM engine_orders WHERE id > ?1 AND id <= ?2

-- name: audit_lines
SELECT n, order_id, seq, at, kind, payload, hash, NULL
FROM journal WHERE order_id > ?1 AND order_id <= ?2 ORDER BY order_id, seq

-- name: audit_attempts
SELECT order_id, number, signature, blockhash, last_valid_height, built_slot, state,
    transaction_bytes, evidence
FROM attempts WHERE order_id > ?1 AND order_id <= ?2

-- name: audit_fills
SELECT order_id, signature, amount_in, amount_out, fee_lamports, slot
FROM fills WHERE order_id > ?1 AND order_id <= ?2

-- name: audit_counts
SELECT count(*), max(n), coalesce(max(n), 0), NULL FROM journal

-- name: prunable
SELECT id, principal, client_key FROM engine_orders
WHERE id < ? AND wake_at IS NULL AND last_at < ?
  AND NOT EXISTS (SELECT 1 FROM fills AS f WHERE f.order_id = engine_orders.id AND f.summed = 0)
  -- The newest line keeps its place, lest the place be given away again.
  AND id <> (SELECT order_id FROM journal ORDER BY n DESC LIMIT 1)
ORDER BY id
LIMIT ?

-- name: transactions
SELECT order_id, transaction_bytes FROM attempts
WHERE order_id IN (SELECT value FROM json_each(?))
ORDER BY order_id, number

-- name: mark_pruned
UPDATE pruned
SET place = max(place, (SELECT max(n) FROM journal
                        WHERE order_id IN (SELECT value FROM json_each(?)))),
    orders = orders + ?

-- name: prune_fills
DELETE FROM fills WHERE order_id IN (SELECT value FROM json_each(?))

-- name: prune_attempts
DELETE FROM attempts WHERE order_id IN (SELECT value FROM json_each(?))

-- name: prune_principal_events
DELETE FROM principal_events WHERE (principal, n) IN (
    SELECT o.principal, j.n
    FROM engine_orders AS o
    JOIN journal AS j ON j.order_id = o.id
    WHERE o.id IN (SELECT value FROM json_each(?)))

-- name: prune_order_filters
DELETE FROM order_filters WHERE (principal, field, word, order_id) IN (
    SELECT
        o.principal, f.column1,
        CASE WHEN json_valid(b.payload) THEN json_extract(b.payload, f.column2) END, o.id
    FROM engine_orders AS o
    JOIN journal AS b ON b.order_id = o.id AND b.seq = 1
    CROSS JOIN (VALUES
        ('token', '$.intent.pair.token_in.symbol'),
        ('token', '$.intent.pair.token_in.mint'),
        ('token', '$.intent.pair.token_out.symbol'),
        ('token', '$.intent.pair.token_out.mint'),
        ('wallet', '$.intent.wallet')
    ) AS f
    WHERE o.id IN (SELECT value FROM json_each(?)))

-- name: prune_journal
DELETE FROM journal WHERE order_id IN (SELECT value FROM json_each(?))

-- name: prune_engine_orders
DELETE FROM engine_orders WHERE id IN (SELECT value FROM json_each(?))

-- Fills that are in no sum yet, and whether each is of the attempt that counts.
-- name: fills_not_summed
SELECT f.order_id, o.principal, a.signature = f.signature, o.state, b.payload, r.payload,
    f.amount_in, f.amount_out, f.fee_lamports
FROM fills AS f
LEFT JOIN engine_orders AS o ON o.id = f.order_id
LEFT JOIN journal AS b ON b.order_id = o.id AND b.seq = 1
LEFT JOIN journal AS r ON r.order_id = o.id AND r.seq = o.route_seq
LEFT JOIN attempts AS a ON a.order_id = o.id AND a.number = o.attempt
WHERE f.summed = 0 AND (?1 IS NULL OR o.principal = ?1)
LIMIT ?2

-- name: any_fill_not_summed
SELECT 1 FROM fills WHERE summed = 0 LIMIT 1

-- name: count_fills_unreadable
SELECT count(*) FROM fills AS f
WHERE f.summed = 2
  AND (SELECT o.principal FROM engine_orders AS o WHERE o.id = f.order_id) = ?

-- name: day_sums
SELECT day, pair, fills, attempts, fee_lamports, amount_in, amount_out, quoted_in, quoted_out, worse
FROM daily_fills
WHERE principal = ? AND day >= ?
ORDER BY day DESC, pair DESC
LIMIT ?

-- name: day_sum
SELECT fills, attempts, fee_lamports, amount_in, amount_out, quoted_in, quoted_out, worse
FROM daily_fills
WHERE principal = ? AND day = ? AND pair = ?

-- name: keep_day_sum
INSERT OR REPLACE INTO daily_fills (
    principal, day, pair, fills, attempts, fee_lamports, amount_in, amount_out, quoted_in,
    quoted_out, worse
) VALUES {rows}

-- name: mark_fills
UPDATE fills SET summed = m.column2
FROM (VALUES {rows}) AS m
WHERE fills.order_id = m.column1

-- name: pruned
SELECT place, orders FROM pruned
