"""Turns quotes into a route, and says why."""
