"""Says whether trading is halted, what the chain knows more than the store, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cambist import bootstrap as house
from cambist.cli.doctor.finding import Finding
from cambist.config import BadSettings, Settings
from cambist.ports.errors import PortDown
from cambist.ports.recall import Missing
from cambist.ports.store import Halt
from cambist.stores.sqlite.migrations import UnfitDatabase

MISSING_SHOWN: Final = 10
_RESUME: Final = "once the reason is gone: `cambist resume REASON`"
_COMPARE: Final = "start a worker: it compares the store with the chain, and lets it trade or not"
_MISSING: Final = (
    "restore a newer backup if there is one; else settle these with whoever sent them, since the"
    " same request sent again would be executed again; then `cambist resume REASON`"
)


async def trading(settings: Settings, home: Path) -> list[Finding]:
    """Tell of the switch that stops trading; nothing where there is no store that can be read."""
    if settings.database_url is None and not (home / house.STORE_FILE).exists():
        return []
    try:
        halt, missing = await house.look_at_trading(settings, MISSING_SHOWN)
    except (house.StoreSick, BadSettings, PortDown, UnfitDatabase):
        return []  # told by whoever looks at the store itself
    return [_switch(halt, missing), *_missing(missing)]


def _switch(halt: Halt | None, missing: Missing) -> Finding:
    if halt is None:
        return Finding("ok", "trading", "not halted")
    todo = _RESUME
    if halt.by == house.RESTORED_BY:
        todo = _COMPARE
    elif missing.total:
        todo = _MISSING
    return Finding("sick", "trading", f"halted by {halt.by}: {halt.reason}", todo=todo)


def _missing(missing: Missing) -> list[Finding]:
    """List attempts that the chain executed and the store does not have, newest first."""
    if not missing.total:
        return []
    told = f"{missing.total} executed attempts are not in the store; orders they moved are held"
    found = [Finding("note", "attempts", told)]
    for one in missing.newest:
        how = "reverted" if one.failed else "executed"
        order = f"order {one.order_id or 'unknown'}, attempt {one.attempt or 'unknown'}"
        found.append(Finding("note", "", f"{order}: {how} at slot {one.slot}, {one.signature}"))
    if missing.total > len(missing.newest):
        rest = missing.total - len(missing.newest)
        found.append(Finding("note", "", f"... and {rest} more, in the table missing_attempts"))
    return found
