-- The rows of a batch, each table's as one array.

CREATE TYPE batch_order AS (
    id text, principal text, client_key text, fingerprint bytea, reply bytea, status text,
    version bigint, lease_owner text, lease_epoch bigint, wake_at bigint, last_seq bigint,
    last_at bigint, head_hash bytea, created_at bigint, state text
);

-- `was` and `was_hash` are what the row must be before. `epoch` is that of the lease, NULL for who
-- holds none. `delay` is how many milliseconds later the order is due, NULL when it is closed.
-- `needs_trading` marks what a halt forbids: an attempt that begins, and a price that is met.
CREATE TYPE batch_move AS (
    id text, was bigint, was_hash bytea, status text, version bigint, epoch bigint, delay bigint,
    last_seq bigint, last_at bigint, head_hash bytea, route_seq bigint, attempt bigint, state text,
    needs_trading boolean
);

CREATE TYPE batch_entry AS (
    order_id text, seq bigint, at bigint, kind text, payload text, hash bytea, principal text
);

CREATE TYPE batch_closing AS (order_id text, number bigint, state text, evidence text);

CREATE TYPE batch_attempt AS (
    order_id text, number bigint, signature text, state text, blockhash text,
    last_valid_height bigint, built_slot bigint, transaction_bytes bytea
);

CREATE TYPE batch_fill AS (
    order_id text, signature text, amount_in text, amount_out text, fee_lamports text, slot bigint
);

-- By how much an order changes the number of its principal's orders of a status.
CREATE TYPE batch_count AS (order_id text, principal text, status text, step integer);

-- Writes all that a batch implies: one call, and so one transaction. A function, since its plain
-- statements then take one round trip, and those that have nothing to write are left out: an array
-- is NULL where the batch has no rows of a table.
--
-- Returns the ids of what lost; nothing that follows from it is written. A new order loses to a
-- halt, and to an order with its id or key; a move loses to any other change of its order or of
-- its lease, and to a halt if it needs trading.
--
-- Locks are taken in this order, and kept until COMMIT:
--
--   1. halt, shared, if the batch has what a halt forbids: nobody can halt meanwhile.
--   2. orders that are moved, by id. Moves come sorted, and the update takes them in turn.
--   3. keys and ids of new orders, by principal, key and id.
--   4. attempts and fills. Only who won an order in step 2 touches those of that order.
--   5. feed_end, and under it the journal and the tallies. It is last, so that nobody who holds it
--      waits for a row, and COMMIT follows without another round trip.
--
-- The check of a move and its write see the same row. The update locks the row, and if it had to
-- wait for that, it compares version, hash and lease again with the row as it is by then (READ
-- COMMITTED). Each statement has a new snapshot, and sees what was committed before the locks of
-- the statements above it were had.
--
-- A later version that needs other rows adds other types and another function, since the version
-- before goes on calling this one.
CREATE FUNCTION write_batch(
    lease_ms bigint,
    new_orders batch_order[],
    moves batch_move[],
    entries batch_entry[],
    closings batch_closing[],
    new_attempts batch_attempt[],
    new_fills batch_fill[],
    counts batch_count[],
    OUT lost text[],
    OUT position_before bigint,
    OUT open_orders bigint,
    OUT halt_reason text,
    OUT halt_by text,
    OUT halt_at bigint
) LANGUAGE plpgsql AS $$
DECLARE
    now_ms bigint := engine_now();
    moved text[];
    added text[];
BEGIN
    IF new_orders IS NOT NULL OR EXISTS (SELECT FROM unnest(moves) AS m WHERE m.needs_trading) THEN
        SELECT h.reason, h.by_whom, h.at INTO halt_reason, halt_by, halt_at
        FROM halt AS h FOR SHARE;
    END IF;

    IF moves IS NOT NULL THEN
        WITH written AS (
            UPDATE engine_orders AS o
            SET status = m.status, version = m.version, last_seq = m.last_seq,
                last_at = m.last_at, head_hash = m.head_hash, route_seq = m.route_seq,
                attempt = m.attempt, state = m.state,
                lease_owner = CASE WHEN m.delay IS NOT NULL THEN o.lease_owner END,
                due_at = CASE
                    WHEN m.delay > 0 THEN now_ms + m.delay
                    WHEN m.delay <= 0 THEN least(o.due_at, now_ms)
                END,
                wake_at = CASE
                    WHEN m.delay IS NULL THEN NULL
                    WHEN o.lease_owner IS NULL THEN now_ms + greatest(m.delay, 0)
                    WHEN m.epoch IS NOT NULL AND o.wake_at < now_ms + lease_ms / 2
                        THEN now_ms + lease_ms
                    ELSE o.wake_at
                END
            FROM unnest(moves) AS m
            WHERE o.id = m.id AND o.version = m.was AND o.head_hash = m.was_hash
              AND (m.epoch IS NULL OR o.lease_epoch = m.epoch)
              AND NOT (m.needs_trading AND halt_reason IS NOT NULL)
            RETURNING o.id
        )
        SELECT array_agg(id) INTO moved FROM written;
    END IF;

    IF new_orders IS NOT NULL AND halt_reason IS NULL THEN
        WITH written AS (
            INSERT INTO engine_orders (
                id, principal, client_key, fingerprint, reply, status, version, lease_owner,
                lease_epoch, wake_at, due_at, last_seq, last_at, head_hash, created_at, state
            )
            SELECT
                b.id, b.principal, b.client_key, b.fingerprint, b.reply, b.status, b.version,
                b.lease_owner, b.lease_epoch, due.at, due.at, b.last_seq, b.last_at, b.head_hash,
                b.created_at, b.state
            FROM unnest(new_orders) AS b, LATERAL (
                SELECT CASE
                    WHEN b.wake_at > b.created_at THEN now_ms + b.wake_at - b.created_at
                    ELSE least(b.wake_at, now_ms)
                END AS at
            ) AS due
            ORDER BY b.principal, b.client_key, b.id
            ON CONFLICT DO NOTHING
            RETURNING id
        )
        SELECT array_agg(id) INTO added FROM written;
    END IF;

    IF coalesce(cardinality(moved), 0) < cardinality(moves)
        OR coalesce(cardinality(added), 0) < cardinality(new_orders)
    THEN
        lost := ARRAY(
            SELECT m.id FROM unnest(moves) AS m WHERE m.id = ANY (moved) IS NOT TRUE
            UNION ALL
            SELECT b.id FROM unnest(new_orders) AS b WHERE b.id = ANY (added) IS NOT TRUE
        );
        entries := ARRAY(SELECT e FROM unnest(entries) AS e WHERE e.order_id <> ALL (lost));
        closings := ARRAY(SELECT c FROM unnest(closings) AS c WHERE c.order_id <> ALL (lost));
        new_attempts := ARRAY(
            SELECT a FROM unnest(new_attempts) AS a WHERE a.order_id <> ALL (lost)
        );
        new_fills := ARRAY(SELECT f FROM unnest(new_fills) AS f WHERE f.order_id <> ALL (lost));
        counts := ARRAY(SELECT c FROM unnest(counts) AS c WHERE c.order_id <> ALL (lost));
    END IF;

    -- An attempt is closed before the next one begins: an order has one that may land.
    IF cardinality(closings) > 0 THEN
        UPDATE attempts AS a SET state = c.state, evidence = c.evidence
        FROM unnest(closings) AS c
        WHERE a.order_id = c.order_id AND a.number = c.number;
    END IF;

    IF cardinality(new_attempts) > 0 THEN
        INSERT INTO attempts (
            order_id, number, signature, state, blockhash, last_valid_height, built_slot,
            transaction_bytes
        )
        SELECT * FROM unnest(new_attempts);
    END IF;

    IF cardinality(new_fills) > 0 THEN
        INSERT INTO fills (order_id, signature, amount_in, amount_out, fee_lamports, slot)
        SELECT
            f.order_id, f.signature, f.amount_in::numeric, f.amount_out::numeric,
            f.fee_lamports::numeric, f.slot
        FROM unnest(new_fills) AS f;
    END IF;

    IF cardinality(entries) > 0 THEN
        UPDATE feed_end AS f
        SET n = f.n + cardinality(entries), backlog = f.backlog + coalesce((
            SELECT sum(c.step) FROM unnest(counts) AS c
            WHERE c.status IN ('pending', 'routing', 'building', 'submitted')
        ), 0)
        RETURNING f.n - cardinality(entries), f.backlog INTO position_before, open_orders;

        INSERT INTO journal (n, order_id, seq, at, kind, payload, hash, principal)
        SELECT position_before + e.nth, e.order_id, e.seq, e.at, e.kind, e.payload, e.hash,
            e.principal
        FROM unnest(entries) WITH ORDINALITY
            AS e (order_id, seq, at, kind, payload, hash, principal, nth);
    END IF;

    IF cardinality(counts) > 0 THEN
        INSERT INTO tallies AS t (principal, status, n)
        SELECT c.principal, c.status, sum(c.step)
        FROM unnest(counts) AS c
        GROUP BY c.principal, c.status
        HAVING sum(c.step) <> 0
        ON CONFLICT (principal, status) DO UPDATE SET n = t.n + excluded.n;
    END IF;
END$$;
