"""Prove the doorbell and the news."""
