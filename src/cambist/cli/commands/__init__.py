"""The commands, a module each; what several share stands beside this package."""
