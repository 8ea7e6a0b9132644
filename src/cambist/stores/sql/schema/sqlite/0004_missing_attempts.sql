-- What the chain executed for us and no attempt here tells of: the store is older than the chain.
-- An order with such an attempt is moved by nobody, unless the attempt moved nothing.

CREATE TABLE missing_attempts (
    signature  TEXT PRIMARY KEY,
    order_id   TEXT,
    number     INTEGER,
    slot       INTEGER NOT NULL,
    failed     INTEGER NOT NULL CHECK (failed IN (0, 1)),
    noted_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is written to see whether the disk takes an order again: as much as an order needs, and more.
CREATE TABLE room (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    taken  BLOB NOT NULL
) STRICT;

-- Up to which slot the chain's record was held against the attempts.
CREATE TABLE chain_mark (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    slot  INTEGER NOT NULL
) STRICT;
