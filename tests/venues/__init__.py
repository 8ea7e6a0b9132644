"""Hold the pools to their quotes."""
