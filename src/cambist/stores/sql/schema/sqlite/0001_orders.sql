-- The engine's own tables. People read the views `orders` and `order_events` below.
--
-- A row of engine_orders holds only what changes; what the journal tells already (the intent,
-- the route) is not kept twice. Amounts are raw units as text: 64 unsigned bits do not fit
-- SQLite's signed INTEGER.

CREATE TABLE engine_orders (
    id            TEXT NOT NULL,
    principal     TEXT NOT NULL,
    client_key    TEXT,
    fingerprint   BLOB,
    reply         BLOB,
    status        TEXT NOT NULL,
    version       INTEGER NOT NULL,
    lease_owner   TEXT,
    lease_epoch   INTEGER NOT NULL,
    wake_at       INTEGER,
    last_seq      INTEGER NOT NULL,
    last_at       INTEGER NOT NULL,
    head_hash     BLOB NOT NULL,
    created_at    INTEGER NOT NULL,
    route_seq     INTEGER,
    attempt       INTEGER,
    state         TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX engine_orders_id ON engine_orders (id);
CREATE UNIQUE INDEX engine_orders_key ON engine_orders (principal, client_key)
    WHERE client_key IS NOT NULL;
CREATE INDEX engine_orders_due ON engine_orders (wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE journal (
    n         INTEGER PRIMARY KEY,
    order_id  TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    payload   TEXT NOT NULL,
    hash      BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX journal_order ON journal (order_id, seq);

CREATE TABLE attempts (
    order_id           TEXT NOT NULL,
    number             INTEGER NOT NULL,
    signature          TEXT NOT NULL,
    state              TEXT NOT NULL CHECK (state IN ('in_flight', 'landed', 'reverted', 'lapsed')),
    blockhash          TEXT NOT NULL,
    last_valid_height  INTEGER NOT NULL,
    built_slot         INTEGER NOT NULL,
    transaction_bytes  BLOB NOT NULL,
    evidence           TEXT
) STRICT;

CREATE UNIQUE INDEX attempts_order ON attempts (order_id, number);
CREATE UNIQUE INDEX attempts_signature ON attempts (signature);

-- The last lock on the door: an order has at most one attempt that may land or has landed.
CREATE UNIQUE INDEX attempts_alive ON attempts (order_id) WHERE state IN ('in_flight', 'landed');

CREATE TABLE fills (
    order_id      TEXT NOT NULL,
    signature     TEXT NOT NULL,
    amount_in     TEXT NOT NULL,
    amount_out    TEXT NOT NULL,
    fee_lamports  TEXT NOT NULL,
    slot          INTEGER NOT NULL,
    PRIMARY KEY (order_id, signature)
) STRICT, WITHOUT ROWID;

-- All that an order is loaded from, in the order in which it is read.
CREATE VIEW loaded_orders AS
SELECT
    o.id, o.status, o.version, o.lease_owner, o.lease_epoch, o.wake_at, o.last_seq, o.last_at,
    o.head_hash, o.created_at, o.state, o.route_seq, b.payload AS born, r.payload AS routed,
    a.number, a.signature, a.blockhash, a.last_valid_height, a.built_slot,
    a.state AS attempt_state, a.transaction_bytes,
    f.amount_in, f.amount_out, f.fee_lamports, f.slot, o.principal
FROM engine_orders AS o
JOIN journal AS b ON b.order_id = o.id AND b.seq = 1
LEFT JOIN journal AS r ON r.order_id = o.id AND r.seq = o.route_seq
LEFT JOIN attempts AS a ON a.order_id = o.id AND a.number = o.attempt
LEFT JOIN fills AS f ON f.order_id = o.id AND f.signature = a.signature;

CREATE VIEW raw_orders AS
SELECT
    o.*,
    a.signature,
    f.amount_in                                               AS fill_in,
    f.amount_out                                              AS fill_out,
    json_extract(b.payload, '$.intent')                       AS intent,
    json_extract(b.payload, '$.intent.mode')                  AS mode,
    json_extract(b.payload, '$.intent.amount')                AS amount,
    coalesce(json_extract(b.payload, '$.intent.quoted'), 'pair') AS quoted,
    json_extract(b.payload, '$.intent.pair.token_in.decimals')  AS in_decimals,
    json_extract(b.payload, '$.intent.pair.token_out.decimals') AS out_decimals,
    json_extract(r.payload, '$.route')                        AS route
FROM engine_orders AS o
JOIN journal AS b ON b.order_id = o.id AND b.seq = 1
LEFT JOIN journal AS r ON r.order_id = o.id AND r.seq = o.route_seq
LEFT JOIN attempts AS a ON a.order_id = o.id AND a.number = o.attempt
LEFT JOIN fills AS f ON f.order_id = o.id AND f.signature = a.signature;

CREATE VIEW sized_orders AS
SELECT
    *,
    coalesce(fill_in, json_extract(route, '$.amount_in'),
             CASE mode WHEN 'exact_in' THEN amount END)   AS in_raw,
    coalesce(fill_out, json_extract(route, '$.amount_out'),
             CASE mode WHEN 'exact_out' THEN amount END)  AS out_raw,
    CASE mode WHEN 'exact_in' THEN json_extract(route, '$.bound') ELSE amount END AS min_raw,
    CASE mode WHEN 'exact_in' THEN in_decimals ELSE out_decimals END               AS decimals
FROM raw_orders;

-- Whole tokens from raw units, exactly: pad with zeros, put the point, drop what trails.
CREATE VIEW whole_orders AS
SELECT
    *,
    replace(printf('%*s', in_decimals + 1, in_raw), ' ', '0')   AS in_digits,
    replace(printf('%*s', out_decimals + 1, out_raw), ' ', '0') AS out_digits,
    replace(printf('%*s', out_decimals + 1, min_raw), ' ', '0') AS min_digits,
    replace(printf('%*s', decimals + 1, amount), ' ', '0')      AS digits
FROM sized_orders;

-- Prices are for reading, so they may be floats: no engine of ours reads them back. They are
-- tokens out per token in, or turned round for a buyer of a symbol, who reads price per symbol.
CREATE VIEW quoted_orders AS
SELECT
    o.*,
    (SELECT max(CAST(json_extract(q.value, '$.amount_out') AS REAL)
                / json_extract(q.value, '$.amount_in')) * scale
     FROM json_each(o.route, '$.quotes') AS q
     WHERE json_extract(q.value, '$.venue') = 'raydium')  AS raydium_rate,
    (SELECT max(CAST(json_extract(q.value, '$.amount_out') AS REAL)
                / json_extract(q.value, '$.amount_in')) * scale
     FROM json_each(o.route, '$.quotes') AS q
     WHERE json_extract(q.value, '$.venue') = 'meteora')  AS meteora_rate,
    CAST(fill_out AS REAL) / fill_in * scale              AS fill_rate,
    coalesce(json_extract(state, '$.terms.slippage_bps'),
             json_extract(intent, '$.terms.slippage_bps'), 50) / 100.0 AS slippage
FROM (SELECT *, CAST('1e' || (in_decimals - out_decimals) AS REAL) AS scale FROM whole_orders) AS o;

CREATE VIEW orders AS
SELECT
    id,
    id                                              AS order_id,
    json_extract(intent, '$.user_id')               AS user_id,
    json_extract(intent, '$.wallet')                AS wallet_address,
    json_extract(intent, '$.kind')                  AS type,
    json_extract(intent, '$.kind')                  AS order_type,
    json_extract(intent, '$.pair.token_in.symbol')  AS token_in,
    json_extract(intent, '$.pair.token_out.symbol') AS token_out,
    CASE WHEN in_raw IS NOT NULL THEN
        rtrim(rtrim(substr(in_digits, 1, length(in_digits) - in_decimals) || '.'
                    || substr(in_digits, length(in_digits) - in_decimals + 1), '0'), '.')
    END                                             AS amount_in,
    CASE WHEN out_raw IS NOT NULL THEN
        rtrim(rtrim(substr(out_digits, 1, length(out_digits) - out_decimals) || '.'
                    || substr(out_digits, length(out_digits) - out_decimals + 1), '0'), '.')
    END                                             AS amount_out,
    CASE WHEN min_raw IS NOT NULL THEN
        rtrim(rtrim(substr(min_digits, 1, length(min_digits) - out_decimals) || '.'
                    || substr(min_digits, length(min_digits) - out_decimals + 1), '0'), '.')
    END                                             AS min_amount_out,
    rtrim(rtrim(substr(digits, 1, length(digits) - decimals) || '.'
                || substr(digits, length(digits) - decimals + 1), '0'), '.') AS amount,
    json_extract(route, '$.legs[0].venue')          AS chosen_dex,
    route                                           AS route_meta,
    json_object('dex', json_extract(route, '$.legs[0].venue'),
                'price', CASE quoted WHEN 'buy' THEN 1 / fill_rate ELSE fill_rate END,
                'txHash', signature, 'slippage', slippage) AS metadata,
    CASE quoted WHEN 'buy' THEN 1 / raydium_rate ELSE raydium_rate END AS raydium_price,
    CASE quoted WHEN 'buy' THEN 1 / meteora_rate ELSE meteora_rate END AS meteora_price,
    CASE quoted WHEN 'buy' THEN 1 / fill_rate ELSE fill_rate END       AS executed_price,
    slippage,
    json_extract(state, '$.tries') - 1              AS retries,
    json_extract(state, '$.tries') - 1              AS retry_count,
    coalesce(json_extract(state, '$.terms.tries_max'),
             json_extract(intent, '$.terms.tries_max'), 3) AS max_retries,
    status,
    signature                                       AS tx_hash,
    json_extract(state, '$.fault.message')          AS error,
    json_extract(state, '$.fault.message')          AS error_message,
    strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', last_at / 1000.0, 'unixepoch')    AS updated_at,
    (SELECT strftime('%Y-%m-%dT%H:%M:%fZ', l.at / 1000.0, 'unixepoch')
     FROM journal AS l WHERE l.order_id = id AND l.kind = 'landed')  AS confirmed_at
FROM quoted_orders;

CREATE VIEW order_events AS
SELECT
    order_id || '/' || seq AS id,
    order_id,
    seq,
    kind                   AS event,
    payload                AS meta,
    strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS created_at
FROM journal;
