-- API keys: what each may do, and the digest of its text; the text itself is kept nowhere.
--
-- Scopes and wallets are words with blanks between. A key is never deleted: that one was ever
-- made is what closes the door to callers without.

CREATE TABLE api_keys (
    id                 TEXT NOT NULL PRIMARY KEY,
    digest             BLOB NOT NULL,
    principal          TEXT NOT NULL,
    name               TEXT NOT NULL,
    scopes             TEXT NOT NULL,
    wallets            TEXT NOT NULL,
    orders_per_minute  INTEGER CHECK (orders_per_minute > 0),
    created_at         INTEGER NOT NULL,
    expires_at         INTEGER,
    revoked_at         INTEGER,
    last_used_at       INTEGER
) STRICT, WITHOUT ROWID;

CREATE TRIGGER api_keys_stay BEFORE DELETE ON api_keys
BEGIN
    SELECT RAISE (ABORT, 'a key is revoked, never deleted');
END;
