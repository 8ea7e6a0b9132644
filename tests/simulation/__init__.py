"""Runs the whole engine under a virtual clock against a world that fails by the seed."""
