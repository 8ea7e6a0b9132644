"""Holds the words and shapes of the API to their promises."""
