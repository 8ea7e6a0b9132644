"""Searches for the best way to share an amount, in floats: what it finds are proposals."""
