"""Knows Meteora's programs: their pools, their instructions and what they say."""
