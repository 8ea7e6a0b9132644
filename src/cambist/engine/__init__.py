"""Executes orders: step, perform, decide, commit."""
