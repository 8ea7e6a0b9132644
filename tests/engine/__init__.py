"""Proves what the engine does, on the paper world, with a clock that is pushed by hand."""
