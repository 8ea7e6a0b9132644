"""Proves the promise on the user's own machine: kills real processes, and lets the chain judge."""
