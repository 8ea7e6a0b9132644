"""Says what an order is, and every way it may change."""
