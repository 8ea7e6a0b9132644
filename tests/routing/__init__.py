"""Hold the choice of a route to the best price and a plain reason."""
