"""Stores orders in one SQLite file, with one writer thread and separate readers."""
