"""Writes orders that belong together, those left out whose key is taken."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from cambist.orders.journal import Told
from cambist.ports.store import Birth, Keyed
from cambist.stores.sqlite.items import Facts
from cambist.stores.sqlite.many import SQL
from cambist.stores.sqlite.sheet import SqliteSheet as Sheet


def add_all(db: sqlite3.Connection, births: Sequence[Birth]) -> Facts:
    """Write the orders whose keys are free; of two with one key in here, the first is new."""
    sheet, told, taken = Sheet(), list[Told](), list[Keyed | None]()
    fresh: dict[str, Keyed] = {}
    for birth in births:
        known = keyed(db, birth) or (fresh.get(birth.key) if birth.key is not None else None)
        taken.append(known)
        if known is not None:
            continue
        if birth.key is not None:
            fresh[birth.key] = Keyed(birth.told.order.id, birth.fingerprint, birth.reply)
        sheet.bear(birth)
        told.append(birth.told)
    sheet.write(db)
    return Facts(tuple(told), taken=tuple(taken))


def keyed(db: sqlite3.Connection, birth: Birth) -> Keyed | None:
    """Return what a birth's key remembers already."""
    if birth.key is None:
        return None
    key = (birth.told.order.intent.principal, birth.key)
    row = db.execute(SQL["keyed"], key).fetchone()
    return None if row is None else Keyed(*row)
