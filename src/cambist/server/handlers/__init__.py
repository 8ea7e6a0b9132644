"""Answers the requests of the API."""
