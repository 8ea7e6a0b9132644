"""Keeps the truth in one SQLite file: one writer thread, readers of their own."""
