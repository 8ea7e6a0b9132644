"""Prove what an order is and how it may change."""
