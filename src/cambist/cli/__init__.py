"""Is the command line."""
