"""Holds the bench to its word: what it counts, how it reduces it, and that it runs."""
