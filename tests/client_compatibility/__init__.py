"""Plays the five kinds of client there were before us, each to the letter."""
