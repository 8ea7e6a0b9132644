"""Holds the scripts to what they say, against an engine of their own."""
