"""Feeds bytes that nobody would write to what reads the chain; `make fuzz`."""
