-- Up to which place of the journal orders were put away, and how many: one row.
CREATE TABLE pruned (
    place   bigint NOT NULL,
    orders  bigint NOT NULL
) WITH (fillfactor = 10);

INSERT INTO pruned VALUES (0, 0);
