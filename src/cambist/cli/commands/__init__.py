"""The commands, a module for each group; what they share is in `cambist.cli`."""
