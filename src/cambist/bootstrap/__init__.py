"""Wires ports to their implementations: the one place where both are known.

A name loads the module it comes from when it is first used: a command that reads a file of the home
needs no server.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cambist.bootstrap.backup_and_prune import (
        PRUNED_AFTER_DAYS_MIN,
        PUT_BACK,
        back_up,
        prune,
        restore,
    )
    from cambist.bootstrap.engine import RunningEngine, open_engine, run_engine
    from cambist.bootstrap.garbage_collection import collecting_when_idle
    from cambist.bootstrap.home import (
        CHAIN_FILE,
        CHAIN_SOCKET,
        CHAOS_FILE,
        LOCK_FILE,
        STORE_FILE,
        HomeInUse,
        LockHolder,
        home_lock,
        lock_holder,
        pepper_file,
    )
    from cambist.bootstrap.http_server import ListenAddress, UnsafeBind, serve_http
    from cambist.bootstrap.operator_actions import list_stuck, set_halt, write_off
    from cambist.bootstrap.paper import open_paper_chain, paper_chain_address
    from cambist.bootstrap.stores import (
        Checkup,
        StoreDamaged,
        StoreUnusable,
        audit_store,
        inspect_database,
        inspect_halt,
        inspect_store,
        measure_commit,
        open_keys,
        sqlite_version,
    )
    from cambist.engine.reconciler import RESTORED_BY
    from cambist.stores.audit import AuditReport

_MODULES: Final = {
    "cambist.bootstrap.engine": (
        "RunningEngine",
        "open_engine",
        "run_engine",
    ),
    "cambist.bootstrap.garbage_collection": ("collecting_when_idle",),
    "cambist.bootstrap.home": (
        "CHAIN_FILE",
        "CHAIN_SOCKET",
        "CHAOS_FILE",
        "LockHolder",
        "HomeInUse",
        "LOCK_FILE",
        "STORE_FILE",
        "home_lock",
        "lock_holder",
        "pepper_file",
    ),
    "cambist.bootstrap.backup_and_prune": (
        "PRUNED_AFTER_DAYS_MIN",
        "PUT_BACK",
        "back_up",
        "prune",
        "restore",
    ),
    "cambist.bootstrap.operator_actions": (
        "set_halt",
        "list_stuck",
        "write_off",
    ),
    "cambist.bootstrap.paper": (
        "paper_chain_address",
        "open_paper_chain",
    ),
    "cambist.bootstrap.http_server": (
        "ListenAddress",
        "UnsafeBind",
        "serve_http",
    ),
    "cambist.bootstrap.stores": (
        "Checkup",
        "StoreDamaged",
        "StoreUnusable",
        "audit_store",
        "inspect_database",
        "inspect_store",
        "inspect_halt",
        "open_keys",
        "sqlite_version",
        "measure_commit",
    ),
    "cambist.engine.reconciler": ("RESTORED_BY",),
    "cambist.stores.audit": ("AuditReport",),
}
_MODULE_OF: Final = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "CHAIN_FILE",
    "CHAIN_SOCKET",
    "CHAOS_FILE",
    "LOCK_FILE",
    "PRUNED_AFTER_DAYS_MIN",
    "PUT_BACK",
    "RESTORED_BY",
    "STORE_FILE",
    "AuditReport",
    "Checkup",
    "HomeInUse",
    "ListenAddress",
    "LockHolder",
    "RunningEngine",
    "StoreDamaged",
    "StoreUnusable",
    "UnsafeBind",
    "audit_store",
    "back_up",
    "collecting_when_idle",
    "home_lock",
    "inspect_database",
    "inspect_halt",
    "inspect_store",
    "list_stuck",
    "lock_holder",
    "measure_commit",
    "open_engine",
    "open_keys",
    "open_paper_chain",
    "paper_chain_address",
    "pepper_file",
    "prune",
    "restore",
    "run_engine",
    "serve_http",
    "set_halt",
    "sqlite_version",
    "write_off",
]


def __getattr__(name: str) -> Any:
    """Load the module of a name."""
    module = _MODULE_OF.get(name)
    if module is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found = globals()[name] = getattr(import_module(module), name)
    return found
