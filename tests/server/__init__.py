"""Holds the server to its promises, over real sockets where it matters."""
