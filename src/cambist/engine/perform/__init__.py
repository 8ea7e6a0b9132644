"""Does the one thing an order needs, and turns what the world answers into an outcome."""
