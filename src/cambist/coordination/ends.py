"""Names what a bearer of signals connects inside a process."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cambist.coordination.doorbell import Doorbell
from cambist.coordination.outbox import Outbox


class Ends(msgspec.Struct, frozen=True):
    """What is to be told, and who is to be told of what came.

    `doorbell` is its workers', where other processes ring at them; `ring` its listeners', where
    others write what they listen to. `owner` is the name of the process.
    """

    outbox: Outbox
    owner: str
    doorbell: Doorbell | None = None
    ring: Callable[[], None] | None = None
