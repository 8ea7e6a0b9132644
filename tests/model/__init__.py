"""Walk the money protocol through every interleaving."""
