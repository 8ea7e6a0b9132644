"""Hold the engine to its promises."""
