"""Hold the curves to what no trader may take from a pool."""
