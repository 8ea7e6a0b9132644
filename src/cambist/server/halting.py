"""Stops all trading over HTTP, and lets it go on."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import Receive, Scope, Send

from cambist.engine.engine import Engine
from cambist.server.auth.caller import passport_of
from cambist.server.placing import json_body
from cambist.server.responses import Answer, send_answer
from cambist.server.settings import ServerSettings
from cambist.wire.halts import read_reason, stop, write_trading


class Halting:
    """Moves the switch: to a halt, or away from one."""

    def __init__(
        self,
        engine: Engine,
        settings: ServerSettings,
        changed: Callable[[], None],
        *,
        halts: bool,
    ) -> None:
        self._engine = engine
        self._changed = changed
        self._halts = halts
        self._body_max = settings.edge.body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST."""
        reason = read_reason(await json_body(None, dict(scope["headers"]), receive, self._body_max))
        passport = passport_of(scope)
        by = passport.key_id if passport.key_id is not None else passport.principal
        if self._halts:
            await self._engine.halt(by, reason)
        else:
            await self._engine.resume(by, reason)
        self._changed()
        standing = await self._engine.halted()
        told = None if standing is None else stop(standing.reason, standing.by, standing.at)
        await send_answer(send, Answer(200, write_trading(told)))
