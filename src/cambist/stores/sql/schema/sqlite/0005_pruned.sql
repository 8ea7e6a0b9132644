-- Up to which place of the journal orders were put away, and how many: one row.
CREATE TABLE pruned (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    place   INTEGER NOT NULL,
    orders  INTEGER NOT NULL
) STRICT;

INSERT INTO pruned VALUES (1, 0, 0);
