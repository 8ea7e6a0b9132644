"""Computes what pools pay, in integers, to the last unit."""
