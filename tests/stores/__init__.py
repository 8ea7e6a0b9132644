"""Prove that what is written is kept."""
