"""Hold the paper world to the rules of the chain it pretends to be."""
