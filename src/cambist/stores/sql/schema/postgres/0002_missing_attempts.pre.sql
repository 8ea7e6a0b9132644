-- What the chain executed for us and no attempt here tells of: the store is older than the chain.
-- An order with such an attempt is moved by nobody, unless the attempt moved nothing.

CREATE TABLE missing_attempts (
    signature  text COLLATE "C" PRIMARY KEY,
    order_id   text COLLATE "C",
    number     bigint,
    slot       bigint NOT NULL,
    failed     boolean NOT NULL,
    noted_at   bigint NOT NULL
);

CREATE INDEX missing_attempts_order ON missing_attempts (order_id) WHERE NOT failed;

-- Up to which slot the chain's record was held against the attempts: one row.
CREATE TABLE chain_mark (
    slot  bigint
) WITH (fillfactor = 10);

INSERT INTO chain_mark VALUES (NULL);
