"""Prove the engine."""
