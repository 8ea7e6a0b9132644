-- Orders that wait for a price (`waiting`) may be very many and due in a year. They are found by
-- indexes of their own, so that looking for what is due reads none of them.
CREATE INDEX engine_orders_active_due ON engine_orders (wake_at)
    WHERE wake_at IS NOT NULL AND status <> 'waiting';
CREATE INDEX engine_orders_resting_due ON engine_orders (wake_at) WHERE status = 'waiting';
CREATE INDEX engine_orders_resting ON engine_orders (id) WHERE status = 'waiting';
