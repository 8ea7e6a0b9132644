"""Knows each kind of pool: its state in, numbers out."""
