-- Named queries of the embedded store. Parameters are positional, in the order written; a query
-- with {rows} is run over many rows at once.

-- name: add_orders
INSERT INTO engine_orders (
    id, principal, client_key, fingerprint, reply, status, version, lease_owner, lease_epoch,
    wake_at, last_seq, last_at, head_hash, created_at, state
) VALUES {rows}

-- name: move_orders
UPDATE engine_orders
SET status = m.column3, version = m.column4, lease_owner = m.column5, lease_epoch = m.column6,
    wake_at = m.column7, last_seq = m.column8, last_at = m.column9, head_hash = m.column10,
    route_seq = m.column11, attempt = m.column12, state = m.column13
FROM (VALUES {rows}) AS m
WHERE engine_orders.id = m.column1 AND engine_orders.version = m.column2

-- name: void_leases
UPDATE engine_orders SET wake_at = last_at WHERE wake_at = ?

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
SELECT o.id, o.status, o.version, o.lease_owner, o.lease_epoch, o.wake_at, o.last_seq, o.last_at,
       o.head_hash, o.created_at, o.state, o.route_seq, b.payload, r.payload,
       a.number, a.signature, a.blockhash, a.last_valid_height, a.built_slot, a.state,
       a.transaction_bytes, f.amount_in, f.amount_out, f.fee_lamports, f.slot
FROM engine_orders AS o
JOIN journal AS b ON b.order_id = o.id AND b.seq = 1
LEFT JOIN journal AS r ON r.order_id = o.id AND r.seq = o.route_seq
LEFT JOIN attempts AS a ON a.order_id = o.id AND a.number = o.attempt
LEFT JOIN fills AS f ON f.order_id = o.id AND f.signature = a.signature
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
LEFT JOIN fills AS f ON f.order_id = o.id AND f.signature = a.signature
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
LEFT JOIN fills AS f ON f.order_id = o.id AND f.signature = a.signature
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
