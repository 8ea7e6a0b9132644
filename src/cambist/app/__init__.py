"""Wires ports to their implementations: the one place where both are known."""

from cambist.app.engines import Running, open_engine, running
from cambist.app.homes import (
    CHAIN_FILE,
    CHAIN_SOCKET,
    LOCK_FILE,
    STORE_FILE,
    Holder,
    HomeInUse,
    held,
    holder,
)
from cambist.app.operators import move_switch, what_stands_still, write_off
from cambist.app.paper import open_paper_chain
from cambist.app.servers import LOOPBACK, Place, UnsafeBind, serving
from cambist.app.stores import (
    StoreSick,
    look_at_database,
    look_at_store,
    open_keys,
    sqlite_version,
    time_a_write,
)

__all__ = [
    "CHAIN_FILE",
    "CHAIN_SOCKET",
    "LOCK_FILE",
    "LOOPBACK",
    "STORE_FILE",
    "Holder",
    "HomeInUse",
    "Place",
    "Running",
    "StoreSick",
    "UnsafeBind",
    "held",
    "holder",
    "look_at_database",
    "look_at_store",
    "move_switch",
    "open_engine",
    "open_keys",
    "open_paper_chain",
    "running",
    "serving",
    "sqlite_version",
    "time_a_write",
    "what_stands_still",
    "write_off",
]
