"""Wires ports to their implementations: the one place where both are known.

A name loads the room it comes from when it is first used: a command that reads a file of the home
needs no server.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cambist.bootstrap.engine import Running, open_engine, running
    from cambist.bootstrap.home import (
        CHAIN_FILE,
        CHAIN_SOCKET,
        CHAOS_FILE,
        LOCK_FILE,
        STORE_FILE,
        Holder,
        HomeInUse,
        held,
        holder,
        pepper_file,
    )
    from cambist.bootstrap.maintenance import (
        PRUNED_AFTER_DAYS_MIN,
        PUT_BACK,
        back_up,
        prune,
        restore,
    )
    from cambist.bootstrap.operator_actions import move_switch, what_stands_still, write_off
    from cambist.bootstrap.paper import chain_place, open_paper_chain
    from cambist.bootstrap.server import LOOPBACK, Place, UnsafeBind, serving
    from cambist.bootstrap.stores import (
        Checkup,
        StoreDamaged,
        StoreSick,
        audit_store,
        look_at_database,
        look_at_store,
        look_at_trading,
        open_keys,
        sqlite_version,
        time_a_write,
    )
    from cambist.engine.reconciler import RESTORED_BY
    from cambist.stores.audit import Report

_ROOMS: Final = {
    "cambist.bootstrap.engine": (
        "Running",
        "open_engine",
        "running",
    ),
    "cambist.bootstrap.home": (
        "CHAIN_FILE",
        "CHAIN_SOCKET",
        "CHAOS_FILE",
        "Holder",
        "HomeInUse",
        "LOCK_FILE",
        "STORE_FILE",
        "held",
        "holder",
        "pepper_file",
    ),
    "cambist.bootstrap.maintenance": (
        "PRUNED_AFTER_DAYS_MIN",
        "PUT_BACK",
        "back_up",
        "prune",
        "restore",
    ),
    "cambist.bootstrap.operator_actions": (
        "move_switch",
        "what_stands_still",
        "write_off",
    ),
    "cambist.bootstrap.paper": (
        "chain_place",
        "open_paper_chain",
    ),
    "cambist.bootstrap.server": (
        "LOOPBACK",
        "Place",
        "UnsafeBind",
        "serving",
    ),
    "cambist.bootstrap.stores": (
        "Checkup",
        "StoreDamaged",
        "StoreSick",
        "audit_store",
        "look_at_database",
        "look_at_store",
        "look_at_trading",
        "open_keys",
        "sqlite_version",
        "time_a_write",
    ),
    "cambist.engine.reconciler": ("RESTORED_BY",),
    "cambist.stores.audit": ("Report",),
}
_ROOM_OF: Final = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "CHAIN_FILE",
    "CHAIN_SOCKET",
    "CHAOS_FILE",
    "LOCK_FILE",
    "LOOPBACK",
    "PRUNED_AFTER_DAYS_MIN",
    "PUT_BACK",
    "RESTORED_BY",
    "STORE_FILE",
    "Checkup",
    "Holder",
    "HomeInUse",
    "Place",
    "Report",
    "Running",
    "StoreDamaged",
    "StoreSick",
    "UnsafeBind",
    "audit_store",
    "back_up",
    "chain_place",
    "held",
    "holder",
    "look_at_database",
    "look_at_store",
    "look_at_trading",
    "move_switch",
    "open_engine",
    "open_keys",
    "open_paper_chain",
    "pepper_file",
    "prune",
    "restore",
    "running",
    "serving",
    "sqlite_version",
    "time_a_write",
    "what_stands_still",
    "write_off",
]


def __getattr__(name: str) -> Any:
    """Load the room of a name."""
    room = _ROOM_OF.get(name)
    if room is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found = globals()[name] = getattr(import_module(room), name)
    return found
