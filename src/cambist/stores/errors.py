"""Names the errors of stores, their rows and their backups."""

from __future__ import annotations


class DatabaseUnusable(RuntimeError):
    """A database that must not be trusted with orders, and why."""


class SchemaTooNew(RuntimeError):
    """The database was written by a newer cambist."""


class TargetExists(FileExistsError):
    """A file that is there already, and is not written over."""


class InvalidBackup(RuntimeError):
    """A file that is no backup of a store, or not a whole one."""


class CorruptRow(ValueError):
    """A row that no order can have; it is neither guessed at nor moved."""
