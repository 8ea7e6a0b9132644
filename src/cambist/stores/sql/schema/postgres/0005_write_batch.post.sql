-- Nothing of the version before goes away.
SELECT 1;
