-- Named queries of the embedded store. Parameters are positional, in the order written.

-- name: add_order
INSERT INTO engine_orders (
    id, principal, client_key, fingerprint, reply, status, version, lease_owner, lease_epoch,
    wake_at, last_seq, last_at, head_hash, created_at, route_seq, attempt, state
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?)

-- name: move_order
UPDATE engine_orders
SET status = ?, version = ?, lease_owner = ?, lease_epoch = ?, wake_at = ?, last_seq = ?,
    last_at = ?, head_hash = ?, route_seq = ?, attempt = ?, state = ?
WHERE id = ? AND version = ?

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
INSERT INTO fills (signature, order_id, amount_in, amount_out, fee_lamports, slot)
VALUES (?, ?, ?, ?, ?, ?)

-- name: order_by_id
SELECT o.id, o.status, o.version, o.lease_owner, o.lease_epoch, o.wake_at, o.last_seq, o.last_at,
       o.head_hash, o.created_at, o.state, o.route_seq, b.payload, r.payload,
       a.number, a.signature, a.blockhash, a.last_valid_height, a.built_slot, a.state,
       a.transaction_bytes, f.amount_in, f.amount_out, f.fee_lamports, f.slot
FROM engine_orders AS o
JOIN journal AS b ON b.order_id = o.id AND b.seq = 1
LEFT JOIN journal AS r ON r.order_id = o.id AND r.seq = o.route_seq
LEFT JOIN attempts AS a ON a.order_id = o.id AND a.number = o.attempt
LEFT JOIN fills AS f ON f.signature = a.signature
WHERE o.id = ?

-- name: orders_due
SELECT o.id, o.status, o.version, o.lease_owner, o.lease_epoch, o.wake_at, o.last_seq, o.last_at,
       o.head_hash, o.created_at, o.state, o.route_seq, b.payload, r.payload,
       a.number, a.signature, a.blockhash, a.last_valid_height, a.built_slot, a.state,
       a.transaction_bytes, f.amount_in, f.amount_out, f.fee_lamports, f.slot
FROM engine_orders AS o
JOIN journal AS b ON b.order_id = o.id AND b.seq = 1
LEFT JOIN journal AS r ON r.order_id = o.id AND r.seq = o.route_seq
LEFT JOIN attempts AS a ON a.order_id = o.id AND a.number = o.attempt
LEFT JOIN fills AS f ON f.signature = a.signature
WHERE o.wake_at <= ?
ORDER BY o.wake_at
LIMIT ? OFFSET ?

-- name: orders_page
SELECT o.id, o.status, o.version, o.lease_owner, o.lease_epoch, o.wake_at, o.last_seq, o.last_at,
       o.head_hash, o.created_at, o.state, o.route_seq, b.payload, r.payload,
       a.number, a.signature, a.blockhash, a.last_valid_height, a.built_slot, a.state,
       a.transaction_bytes, f.amount_in, f.amount_out, f.fee_lamports, f.slot
FROM engine_orders AS o
JOIN journal AS b ON b.order_id = o.id AND b.seq = 1
LEFT JOIN journal AS r ON r.order_id = o.id AND r.seq = o.route_seq
LEFT JOIN attempts AS a ON a.order_id = o.id AND a.number = o.attempt
LEFT JOIN fills AS f ON f.signature = a.signature
WHERE o.principal = ?1
  AND (?2 IS NULL OR o.id < ?2)
  AND (?3 IS NULL OR o.status IN (SELECT value FROM json_each(?3)))
  AND (?4 IS NULL OR json_extract(b.payload, '$.intent.wallet') = ?4)
  AND (?5 IS NULL OR ?5 IN (json_extract(b.payload, '$.intent.pair.token_in.symbol'),
                            json_extract(b.payload, '$.intent.pair.token_out.symbol'),
                            json_extract(b.payload, '$.intent.pair.token_in.mint'),
                            json_extract(b.payload, '$.intent.pair.token_out.mint')))
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
