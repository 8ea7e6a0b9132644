"""Prove that the command line says what happened, and exits with what it stands for."""
