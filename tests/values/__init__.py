"""Prove the smallest nouns."""
