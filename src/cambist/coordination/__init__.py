"""Delivers wake-ups to workers and events to subscribers, within and between processes."""
