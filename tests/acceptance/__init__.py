"""Proves the promise with real processes: started, killed, started again, and judged."""
