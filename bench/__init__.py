"""Measures a real server from outside, and the stages of one order from inside."""
