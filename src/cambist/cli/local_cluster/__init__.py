"""Runs a whole small installation on one machine: its servers, its processes, their restarts."""
