"""Keeps orders in a PostgreSQL database that any number of processes share."""

from cambist.stores.postgres.api_keys import open_postgres_keys
from cambist.stores.postgres.backup import back_up, restore
from cambist.stores.postgres.health import inspect_halt, inspect_server
from cambist.stores.postgres.maintenance import audit, prune
from cambist.stores.postgres.pool import Target
from cambist.stores.postgres.store import open_postgres

__all__ = [
    "Target",
    "audit",
    "back_up",
    "inspect_halt",
    "inspect_server",
    "open_postgres",
    "open_postgres_keys",
    "prune",
    "restore",
]
