"""Holds the settings of a process, read once."""

from cambist.config.accepted_values import literal_values
from cambist.config.loading import (
    FILE,
    NOT_SETTINGS,
    PREFIX,
    SYNONYMS,
    BadSettings,
    Loaded,
    load,
)
from cambist.config.settings import Settings

__all__ = [
    "FILE",
    "NOT_SETTINGS",
    "PREFIX",
    "SYNONYMS",
    "BadSettings",
    "Loaded",
    "Settings",
    "literal_values",
    "load",
]
