"""Moves orders: step, perform, decide, commit."""
