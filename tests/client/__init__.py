"""Holds the SDK to what it promises callers, on networks that are not kind."""
