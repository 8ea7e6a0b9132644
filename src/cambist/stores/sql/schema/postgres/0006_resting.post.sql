-- Only the version before looks for what is due by this index.
DROP INDEX engine_orders_due;
