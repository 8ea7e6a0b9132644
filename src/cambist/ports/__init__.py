"""States what the engine needs of the world, as protocols and nothing more."""
