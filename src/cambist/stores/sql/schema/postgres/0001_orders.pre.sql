-- The engine's own tables. People read the views `orders` and `order_events` below.
--
-- A row of engine_orders holds only what changes; what the journal tells already (the intent,
-- the route) is not kept twice. Identifiers compare by their bytes, in every locale.
--
-- due_at is when an order next deserves a look, wake_at when the next one may claim it: the same,
-- unless somebody holds it; then wake_at is the end of the lease.

CREATE FUNCTION engine_now() RETURNS bigint LANGUAGE sql VOLATILE AS
'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint';

CREATE TABLE engine_orders (
    id            text COLLATE "C" NOT NULL,
    principal     text COLLATE "C" NOT NULL,
    client_key    text COLLATE "C",
    fingerprint   bytea,
    reply         bytea,
    status        text COLLATE "C" NOT NULL,
    version       bigint NOT NULL,
    lease_owner   text COLLATE "C",
    lease_epoch   bigint NOT NULL,
    wake_at       bigint,
    due_at        bigint,
    last_seq      bigint NOT NULL,
    last_at       bigint NOT NULL,
    head_hash     bytea NOT NULL,
    created_at    bigint NOT NULL,
    route_seq     bigint,
    attempt       bigint,
    state         text NOT NULL
) WITH (fillfactor = 70);

-- No index on what changes with every fact: then most changes touch no index at all.
CREATE UNIQUE INDEX engine_orders_id ON engine_orders (id);
CREATE UNIQUE INDEX engine_orders_key ON engine_orders (principal, client_key)
    WHERE client_key IS NOT NULL;
CREATE INDEX engine_orders_due ON engine_orders (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX engine_orders_page ON engine_orders (principal, id);

CREATE TABLE journal (
    n         bigint NOT NULL,
    order_id  text COLLATE "C" NOT NULL,
    seq       bigint NOT NULL,
    at        bigint NOT NULL,
    kind      text COLLATE "C" NOT NULL,
    payload   text NOT NULL,
    hash      bytea NOT NULL,
    principal text COLLATE "C" NOT NULL,
    PRIMARY KEY (n)
);

CREATE UNIQUE INDEX journal_order ON journal (order_id, seq);

-- Whoever trades little among many resumes without reading everybody's lines.
CREATE UNIQUE INDEX journal_principal ON journal (principal, n);

CREATE TABLE attempts (
    order_id           text COLLATE "C" NOT NULL,
    number             bigint NOT NULL,
    signature          text COLLATE "C" NOT NULL,
    state              text COLLATE "C" NOT NULL
        CHECK (state IN ('in_flight', 'landed', 'reverted', 'lapsed')),
    blockhash          text NOT NULL,
    last_valid_height  bigint NOT NULL,
    built_slot         bigint NOT NULL,
    transaction_bytes  bytea NOT NULL,
    evidence           text
);

CREATE UNIQUE INDEX attempts_order ON attempts (order_id, number);
CREATE UNIQUE INDEX attempts_signature ON attempts (signature);

-- The last lock on the door: an order has at most one attempt that may land or has landed.
CREATE UNIQUE INDEX attempts_alive ON attempts (order_id) WHERE state IN ('in_flight', 'landed');

CREATE TABLE fills (
    order_id      text COLLATE "C" NOT NULL,
    signature     text COLLATE "C" NOT NULL,
    amount_in     numeric(20, 0) NOT NULL,
    amount_out    numeric(20, 0) NOT NULL,
    fee_lamports  numeric(20, 0) NOT NULL,
    slot          bigint NOT NULL,
    PRIMARY KEY (order_id, signature)
);

-- One row, locked last by whoever adds to the journal, and until his COMMIT: so places have the
-- order of the commits, and no gaps. Who holds it may keep the counts as well.
CREATE TABLE feed_end (
    n        bigint NOT NULL,
    backlog  bigint NOT NULL
) WITH (fillfactor = 10);

INSERT INTO feed_end VALUES (0, 0);

CREATE TABLE tallies (
    principal  text COLLATE "C" NOT NULL,
    status     text COLLATE "C" NOT NULL,
    n          bigint NOT NULL,
    PRIMARY KEY (principal, status)
) WITH (fillfactor = 10);

-- The switch that stops all trading: one row, halted where it has a reason. Every statement that
-- adds an order or records an attempt locks it against a move; and the log of who moved it.
CREATE TABLE halt (
    reason   text,
    by_whom  text,
    at       bigint
) WITH (fillfactor = 10);

INSERT INTO halt VALUES (NULL, NULL, NULL);

CREATE TABLE halt_log (
    n        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       bigint NOT NULL,
    by_whom  text NOT NULL,
    what     text NOT NULL CHECK (what IN ('halt', 'resume')),
    reason   text NOT NULL
);

-- API keys: what each may do, and the digest of its text; the text itself is kept nowhere.
-- Scopes and wallets are words with blanks between. A key is never deleted: that one was ever
-- made is what closes the door to callers without.
CREATE TABLE api_keys (
    id                 text COLLATE "C" PRIMARY KEY,
    digest             bytea NOT NULL,
    principal          text COLLATE "C" NOT NULL,
    name               text NOT NULL,
    scopes             text NOT NULL,
    wallets            text NOT NULL,
    orders_per_minute  bigint CHECK (orders_per_minute > 0),
    created_at         bigint NOT NULL,
    expires_at         bigint,
    revoked_at         bigint,
    last_used_at       bigint
);

CREATE FUNCTION keep_api_key() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN RAISE EXCEPTION ''a key is revoked, never deleted''; END';

CREATE TRIGGER api_keys_stay BEFORE DELETE ON api_keys
FOR EACH ROW EXECUTE FUNCTION keep_api_key();

-- All that an order is loaded from, in the order in which it is read.
CREATE VIEW loaded_orders AS
SELECT
    o.id, o.status, o.version, o.lease_owner, o.lease_epoch, o.due_at, o.last_seq, o.last_at,
    o.head_hash, o.created_at, o.state, o.route_seq, b.payload AS born, r.payload AS routed,
    a.number, a.signature, a.blockhash, a.last_valid_height, a.built_slot,
    a.state AS attempt_state, a.transaction_bytes,
    f.amount_in::text AS amount_in, f.amount_out::text AS amount_out,
    f.fee_lamports::text AS fee_lamports, f.slot, o.principal
FROM engine_orders AS o
JOIN journal AS b ON b.order_id = o.id AND b.seq = 1
LEFT JOIN journal AS r ON r.order_id = o.id AND r.seq = o.route_seq
LEFT JOIN attempts AS a ON a.order_id = o.id AND a.number = o.attempt
LEFT JOIN fills AS f ON f.order_id = o.id AND f.signature = a.signature;

CREATE VIEW raw_orders AS
SELECT
    o.*,
    a.signature,
    f.amount_in                                              AS fill_in,
    f.amount_out                                             AS fill_out,
    l.at                                                     AS landed_at,
    b.payload::jsonb -> 'intent'                             AS intent,
    o.state::jsonb                                           AS states,
    b.payload::jsonb #>> '{intent,mode}'                     AS mode,
    (b.payload::jsonb #>> '{intent,amount}')::numeric        AS wished,
    coalesce(b.payload::jsonb #>> '{intent,quoted}', 'pair') AS quoted,
    (b.payload::jsonb #>> '{intent,pair,token_in,decimals}')::int  AS in_decimals,
    (b.payload::jsonb #>> '{intent,pair,token_out,decimals}')::int AS out_decimals,
    r.payload::jsonb -> 'route'                              AS route
FROM engine_orders AS o
JOIN journal AS b ON b.order_id = o.id AND b.seq = 1
LEFT JOIN journal AS r ON r.order_id = o.id AND r.seq = o.route_seq
LEFT JOIN journal AS l ON l.order_id = o.id AND l.kind = 'landed'
LEFT JOIN attempts AS a ON a.order_id = o.id AND a.number = o.attempt
LEFT JOIN fills AS f ON f.order_id = o.id AND f.signature = a.signature;

CREATE VIEW sized_orders AS
SELECT
    *,
    coalesce(fill_in, (route ->> 'amount_in')::numeric,
             CASE mode WHEN 'exact_in' THEN wished END)   AS in_raw,
    coalesce(fill_out, (route ->> 'amount_out')::numeric,
             CASE mode WHEN 'exact_out' THEN wished END)  AS out_raw,
    CASE mode WHEN 'exact_in' THEN (route ->> 'bound')::numeric ELSE wished END AS min_raw,
    CASE mode WHEN 'exact_in' THEN in_decimals ELSE out_decimals END            AS decimals
FROM raw_orders;

-- Whole tokens from raw units, exactly: a quotient has at least the digits of what is divided.
CREATE FUNCTION whole_tokens(raw numeric, decimals int) RETURNS text LANGUAGE sql IMMUTABLE AS
'SELECT trim_scale(raw::numeric(38, 18) / power(10::numeric, decimals))::text';

CREATE FUNCTION written_instant(at bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
$$SELECT to_char(timestamp 'epoch' + at * interval '1 millisecond',
                 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')$$;

-- Prices are for reading, so they may be floats: no engine of ours reads them back. They are
-- tokens out per token in, or turned round for a buyer of a symbol, who reads price per symbol.
CREATE VIEW quoted_orders AS
SELECT
    o.*,
    (SELECT max((q ->> 'amount_out')::float8 / (q ->> 'amount_in')::float8) * scale
     FROM jsonb_array_elements(o.route -> 'quotes') AS q
     WHERE q ->> 'venue' = 'raydium')                     AS raydium_rate,
    (SELECT max((q ->> 'amount_out')::float8 / (q ->> 'amount_in')::float8) * scale
     FROM jsonb_array_elements(o.route -> 'quotes') AS q
     WHERE q ->> 'venue' = 'meteora')                     AS meteora_rate,
    fill_out::float8 / fill_in::float8 * scale            AS fill_rate,
    coalesce((states #>> '{terms,slippage_bps}')::float8,
             (intent #>> '{terms,slippage_bps}')::float8, 50) / 100 AS slippage
FROM (SELECT *, power(10::float8, in_decimals - out_decimals) AS scale FROM sized_orders) AS o;

CREATE VIEW orders AS
SELECT
    id,
    id                                        AS order_id,
    intent ->> 'user_id'                      AS user_id,
    intent ->> 'wallet'                       AS wallet_address,
    intent ->> 'kind'                         AS type,
    intent ->> 'kind'                         AS order_type,
    intent #>> '{pair,token_in,symbol}'       AS token_in,
    intent #>> '{pair,token_out,symbol}'      AS token_out,
    whole_tokens(in_raw, in_decimals)         AS amount_in,
    whole_tokens(out_raw, out_decimals)       AS amount_out,
    whole_tokens(min_raw, out_decimals)       AS min_amount_out,
    whole_tokens(wished, decimals)            AS amount,
    route #>> '{legs,0,venue}'                AS chosen_dex,
    route                                     AS route_meta,
    jsonb_build_object(
        'dex', route #>> '{legs,0,venue}',
        'price', CASE quoted WHEN 'buy' THEN 1 / fill_rate ELSE fill_rate END,
        'txHash', signature, 'slippage', slippage) AS metadata,
    CASE quoted WHEN 'buy' THEN 1 / raydium_rate ELSE raydium_rate END AS raydium_price,
    CASE quoted WHEN 'buy' THEN 1 / meteora_rate ELSE meteora_rate END AS meteora_price,
    CASE quoted WHEN 'buy' THEN 1 / fill_rate ELSE fill_rate END       AS executed_price,
    slippage,
    (states ->> 'tries')::int - 1             AS retries,
    (states ->> 'tries')::int - 1             AS retry_count,
    coalesce((states #>> '{terms,tries_max}')::int,
             (intent #>> '{terms,tries_max}')::int, 3) AS max_retries,
    status,
    signature                                 AS tx_hash,
    states #>> '{fault,message}'              AS error,
    states #>> '{fault,message}'              AS error_message,
    written_instant(created_at)               AS created_at,
    written_instant(last_at)                  AS updated_at,
    written_instant(landed_at)                AS confirmed_at
FROM quoted_orders;

CREATE VIEW order_events AS
SELECT
    order_id || '/' || seq AS id,
    order_id,
    seq,
    kind                   AS event,
    payload::jsonb         AS meta,
    written_instant(at)    AS created_at
FROM journal;
