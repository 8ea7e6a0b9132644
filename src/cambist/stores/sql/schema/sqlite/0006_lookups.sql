-- What is asked for by others than ids is found by an index: orders by token and wallet, a
-- principal's events by their places, fills by the day they belong to.

-- A word that orders are filtered by, once for each order: symbols and mints as `token`, and the
-- `wallet`.
CREATE TABLE order_filters (
    principal  TEXT NOT NULL,
    field      TEXT NOT NULL,
    word       TEXT NOT NULL,
    order_id   TEXT NOT NULL,
    PRIMARY KEY (principal, field, word, order_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE principal_events (
    principal  TEXT NOT NULL,
    n          INTEGER NOT NULL,
    PRIMARY KEY (principal, n)
) STRICT, WITHOUT ROWID;

-- Triggers, so that no writer of the journal can leave these out. A row that is left of a journal
-- somebody cut gives way: what only finds events must never keep one from being written.
CREATE TRIGGER journal_principal AFTER INSERT ON journal
BEGIN
    INSERT OR REPLACE INTO principal_events (principal, n)
    SELECT principal, NEW.n FROM engine_orders WHERE id = NEW.order_id;
END;

CREATE TRIGGER journal_filters AFTER INSERT ON journal
WHEN NEW.seq = 1 AND json_valid(NEW.payload)
BEGIN
    INSERT OR IGNORE INTO order_filters (principal, field, word, order_id)
    SELECT o.principal, f.column1, f.column2, o.id
    FROM engine_orders AS o, (VALUES
        ('token', json_extract(NEW.payload, '$.intent.pair.token_in.symbol')),
        ('token', json_extract(NEW.payload, '$.intent.pair.token_in.mint')),
        ('token', json_extract(NEW.payload, '$.intent.pair.token_out.symbol')),
        ('token', json_extract(NEW.payload, '$.intent.pair.token_out.mint')),
        ('wallet', json_extract(NEW.payload, '$.intent.wallet'))
    ) AS f
    WHERE o.id = NEW.order_id AND f.column2 IS NOT NULL;
END;

INSERT INTO principal_events (principal, n)
SELECT o.principal, j.n
FROM engine_orders AS o
JOIN journal AS j ON j.order_id = o.id
ORDER BY 1, 2;

-- A row that cannot be read must not keep the store from being opened.
INSERT OR IGNORE INTO order_filters (principal, field, word, order_id)
SELECT principal, field, word, id
FROM (
    SELECT
        o.principal, o.id, f.column1 AS field,
        CASE WHEN json_valid(b.payload) THEN json_extract(b.payload, f.column2) END AS word
    FROM engine_orders AS o
    JOIN journal AS b ON b.order_id = o.id AND b.seq = 1
    CROSS JOIN (VALUES
        ('token', '$.intent.pair.token_in.symbol'),
        ('token', '$.intent.pair.token_in.mint'),
        ('token', '$.intent.pair.token_out.symbol'),
        ('token', '$.intent.pair.token_out.mint'),
        ('wallet', '$.intent.wallet')
    ) AS f
)
WHERE word IS NOT NULL;

CREATE INDEX engine_orders_page ON engine_orders (principal, id);

-- Sums of what was filled, by principal, day (UTC, counted from 1970) and pair (as JSON). They
-- pass 64 bits, and so are text. `worse` adds up each fill's slippage, in hundredths of a basis point.
CREATE TABLE daily_fills (
    principal     TEXT NOT NULL,
    day           INTEGER NOT NULL,
    pair          TEXT NOT NULL,
    fills         INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    fee_lamports  TEXT NOT NULL,
    amount_in     TEXT NOT NULL,
    amount_out    TEXT NOT NULL,
    quoted_in     TEXT NOT NULL,
    quoted_out    TEXT NOT NULL,
    worse         TEXT NOT NULL,
    PRIMARY KEY (principal, day, pair)
) STRICT, WITHOUT ROWID;

-- 0: in no sum yet; 1: in the sum of its day; 2: it cannot be read, and is in none.
ALTER TABLE fills ADD COLUMN summed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX fills_not_summed ON fills (order_id) WHERE summed = 0;
CREATE INDEX fills_unreadable ON fills (order_id) WHERE summed = 2;

-- An order whose journal lost its beginning is still there, and is reported as unreadable.
DROP VIEW loaded_orders;
CREATE VIEW loaded_orders AS
SELECT
    o.id, o.status, o.version, o.lease_owner, o.lease_epoch, o.wake_at, o.last_seq, o.last_at,
    o.head_hash, o.created_at, o.state, o.route_seq, b.payload AS born, r.payload AS routed,
    a.number, a.signature, a.blockhash, a.last_valid_height, a.built_slot,
    a.state AS attempt_state, a.transaction_bytes,
    f.amount_in, f.amount_out, f.fee_lamports, f.slot, o.principal
FROM engine_orders AS o
LEFT JOIN journal AS b ON b.order_id = o.id AND b.seq = 1
LEFT JOIN journal AS r ON r.order_id = o.id AND r.seq = o.route_seq
LEFT JOIN attempts AS a ON a.order_id = o.id AND a.number = o.attempt
LEFT JOIN fills AS f ON f.order_id = o.id AND f.signature = a.signature;
