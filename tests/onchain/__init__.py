"""Runs the compiled programs themselves in LiteSVM, where their files are at hand, and compares."""
