"""Holds the version of the program and of its API."""

from typing import Final

VERSION: Final = "0.1.0"
