-- What is asked for by others than ids is found by an index: orders by token and wallet, fills by
-- the day they belong to.

-- A word that orders are filtered by, once for each order: symbols and mints as `token`, and the
-- `wallet`. It stands apart, since an index on engine_orders is written with every claim.
CREATE TABLE order_filters (
    principal  text COLLATE "C" NOT NULL,
    field      text COLLATE "C" NOT NULL,
    word       text COLLATE "C" NOT NULL,
    order_id   text COLLATE "C" NOT NULL,
    PRIMARY KEY (principal, field, word, order_id)
);

-- The intent of a journal's first entry; NULL where that cannot be read. PostgreSQL has no text
-- with a zero in it, which JSON may have in words that nothing is filtered by.
CREATE FUNCTION readable_intent(payload text) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN replace(payload, '\u0000', '')::json -> 'intent';
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END$$;

-- A trigger, so that the version before, which may still run, cannot leave these out.
CREATE FUNCTION add_order_filters() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE intent json := readable_intent(NEW.payload);
BEGIN
    INSERT INTO order_filters (principal, field, word, order_id)
    SELECT NEW.principal, f.field, f.word, NEW.order_id
    FROM (VALUES
        ('token', intent #>> '{pair,token_in,symbol}'), ('token', intent #>> '{pair,token_in,mint}'),
        ('token', intent #>> '{pair,token_out,symbol}'), ('token', intent #>> '{pair,token_out,mint}'),
        ('wallet', intent ->> 'wallet')
    ) AS f (field, word)
    WHERE f.word IS NOT NULL
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END$$;

CREATE TRIGGER journal_filters AFTER INSERT ON journal
FOR EACH ROW WHEN (NEW.seq = 1) EXECUTE FUNCTION add_order_filters();

INSERT INTO order_filters (principal, field, word, order_id)
SELECT DISTINCT o.principal, f.field, f.word, o.id
FROM engine_orders AS o
JOIN journal AS b ON b.order_id = o.id AND b.seq = 1,
LATERAL (SELECT readable_intent(b.payload) AS intent OFFSET 0) AS i,
LATERAL (VALUES
    ('token', i.intent #>> '{pair,token_in,symbol}'), ('token', i.intent #>> '{pair,token_in,mint}'),
    ('token', i.intent #>> '{pair,token_out,symbol}'), ('token', i.intent #>> '{pair,token_out,mint}'),
    ('wallet', i.intent ->> 'wallet')
) AS f (field, word)
WHERE f.word IS NOT NULL;

-- Sums of what was filled, by principal, day (UTC, counted from 1970) and pair (as JSON). `worse`
-- adds up each fill's slippage, in hundredths of a basis point.
CREATE TABLE daily_fills (
    principal     text COLLATE "C" NOT NULL,
    day           bigint NOT NULL,
    pair          text COLLATE "C" NOT NULL,
    fills         bigint NOT NULL,
    attempts      bigint NOT NULL,
    fee_lamports  numeric NOT NULL,
    amount_in     numeric NOT NULL,
    amount_out    numeric NOT NULL,
    quoted_in     numeric NOT NULL,
    quoted_out    numeric NOT NULL,
    worse         numeric NOT NULL,
    PRIMARY KEY (principal, day, pair)
);

-- 0: in no sum yet; 1: in the sum of its day; 2: it cannot be read, and is in none.
ALTER TABLE fills ADD COLUMN summed smallint NOT NULL DEFAULT 0;
CREATE INDEX fills_not_summed ON fills (order_id) WHERE summed = 0;
CREATE INDEX fills_unreadable ON fills (order_id) WHERE summed = 2;

-- An order whose journal lost its beginning is still there, and is reported as unreadable.
CREATE OR REPLACE VIEW loaded_orders AS
SELECT
    o.id, o.status, o.version, o.lease_owner, o.lease_epoch, o.due_at, o.last_seq, o.last_at,
    o.head_hash, o.created_at, o.state, o.route_seq, b.payload AS born, r.payload AS routed,
    a.number, a.signature, a.blockhash, a.last_valid_height, a.built_slot,
    a.state AS attempt_state, a.transaction_bytes,
    f.amount_in::text AS amount_in, f.amount_out::text AS amount_out,
    f.fee_lamports::text AS fee_lamports, f.slot, o.principal
FROM engine_orders AS o
LEFT JOIN journal AS b ON b.order_id = o.id AND b.seq = 1
LEFT JOIN journal AS r ON r.order_id = o.id AND r.seq = o.route_seq
LEFT JOIN attempts AS a ON a.order_id = o.id AND a.number = o.attempt
LEFT JOIN fills AS f ON f.order_id = o.id AND f.signature = a.signature;
