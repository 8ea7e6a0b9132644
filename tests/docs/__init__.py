"""Prove that the documentation says what is so."""
