"""Prove that a whole installation runs on one command, and outlives the death of any part."""
