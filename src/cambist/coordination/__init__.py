"""Rings the doorbell and carries the news."""
