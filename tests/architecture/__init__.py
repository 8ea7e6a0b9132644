"""Refuse what the house forbids: floats, stray clocks, drawers for odds and ends."""
