"""Reads what clients send and writes what they are sent: the words and shapes of the API."""
