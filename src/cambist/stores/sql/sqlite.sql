-- Named queries of the embedded store. Parameters are positional, in the order written.

-- name: add_order
INSERT INTO engine_orders (
    id, principal, client_key, fingerprint, reply, status, version, lease_owner, lease_epoch,
    wake_at, last_seq, last_at, head_hash, created_at, intent, terms, route, state
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: move_order
UPDATE engine_orders
SET status = ?, version = ?, lease_owner = ?, lease_epoch = ?, wake_at = ?, last_seq = ?,
    last_at = ?, head_hash = ?, state = ?
WHERE id = ? AND version = ?

-- name: reroute_order
UPDATE engine_orders SET terms = ?, route = ? WHERE id = ?

-- name: void_leases
UPDATE engine_orders SET wake_at = last_at WHERE wake_at = ?

-- name: add_entry
INSERT INTO journal (order_id, seq, at, kind, payload, hash) VALUES (?, ?, ?, ?, ?, ?)

-- name: add_attempt
INSERT INTO attempts (
    order_id, number, signature, state, blockhash, last_valid_height, built_slot,
    transaction_bytes
) VALUES (?, ?, ?, 'in_flight', ?, ?, ?, ?)

-- name: close_attempt
UPDATE attempts SET state = ?, evidence = ? WHERE order_id = ? AND number = ?

-- name: add_fill
INSERT INTO fills (order_id, signature, amount_in, amount_out, fee_lamports, slot)
VALUES (?, ?, ?, ?, ?, ?)

-- name: order_by_id
SELECT o.id, o.status, o.version, o.lease_owner, o.lease_epoch, o.wake_at, o.last_seq, o.last_at,
       o.head_hash, o.created_at, o.intent, o.terms, o.route, o.state, a.transaction_bytes
FROM engine_orders AS o
LEFT JOIN attempts AS a ON a.order_id = o.id AND a.number = json_extract(o.state, '$.attempt.number')
WHERE o.id = ?

-- name: orders_due
SELECT o.id, o.status, o.version, o.lease_owner, o.lease_epoch, o.wake_at, o.last_seq, o.last_at,
       o.head_hash, o.created_at, o.intent, o.terms, o.route, o.state, a.transaction_bytes
FROM engine_orders AS o
LEFT JOIN attempts AS a ON a.order_id = o.id AND a.number = json_extract(o.state, '$.attempt.number')
WHERE o.wake_at <= ?
ORDER BY o.wake_at, o.id
LIMIT ?

-- name: orders_page
SELECT o.id, o.status, o.version, o.lease_owner, o.lease_epoch, o.wake_at, o.last_seq, o.last_at,
       o.head_hash, o.created_at, o.intent, o.terms, o.route, o.state, NULL
FROM engine_orders AS o
WHERE o.principal = ?1
  AND (?2 IS NULL OR o.id < ?2)
  AND (?3 IS NULL OR o.status IN (SELECT value FROM json_each(?3)))
  AND (?4 IS NULL OR json_extract(o.intent, '$.wallet') = ?4)
  AND (?5 IS NULL OR ?5 IN (json_extract(o.intent, '$.pair.token_in.symbol'),
                            json_extract(o.intent, '$.pair.token_out.symbol'),
                            json_extract(o.intent, '$.pair.token_in.mint'),
                            json_extract(o.intent, '$.pair.token_out.mint')))
  AND (?6 IS NULL OR o.created_at >= ?6)
ORDER BY o.id DESC
LIMIT ?7 OFFSET ?8

-- name: keyed
SELECT id, fingerprint, reply FROM engine_orders WHERE principal = ? AND client_key = ?

-- name: census
SELECT principal, status, count(*) FROM engine_orders GROUP BY principal, status

-- name: delayed
SELECT count(*) FROM engine_orders
WHERE wake_at > ? AND principal = ? AND status NOT IN ('confirmed', 'submitted')

-- name: entries
SELECT order_id, seq, at, kind, payload, hash FROM journal
WHERE order_id = ? AND seq > ?
ORDER BY seq
LIMIT ?
