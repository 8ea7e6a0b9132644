-- The switch that stops all trading, read inside every transaction that adds an order or records
-- an attempt; and the log of who moved it, and why.

CREATE TABLE halt (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    reason  TEXT NOT NULL,
    by      TEXT NOT NULL,
    at      INTEGER NOT NULL
) STRICT;

CREATE TABLE halt_log (
    n       INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    by      TEXT NOT NULL,
    what    TEXT NOT NULL CHECK (what IN ('halt', 'resume')),
    reason  TEXT NOT NULL
) STRICT;
