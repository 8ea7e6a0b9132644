-- Nothing is older than the first migration, so nothing of it goes away.
SELECT 1;
