"""Checks what an installation needs: Redis, chain, engine, halt, reconciliation."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from cambist import bootstrap
from cambist.cli.connect import KEY_NAME, refusal, with_scheme
from cambist.cli.doctor.check_result import CheckResult
from cambist.cli.exit_codes import program
from cambist.client import (
    CambistError,
    Client,
    ConnectionFailed,
    Halted,
    Health,
    RequestRejected,
    RetryPolicy,
)
from cambist.clock import SystemClock
from cambist.config import BadSettings, Settings
from cambist.ports.errors import PortUnavailable
from cambist.ports.store import Halt, UnrecordedTransactions
from cambist.stores.errors import DatabaseUnusable

WAIT_S: Final = 2
REDIS_PORT: Final = 6_379
CLOCK_APART_MS_MAX: Final = 1_000
ONCE: Final = RetryPolicy(tries_max=1, timeout_ms=5_000)
_NEEDLESS: Final = "not configured, and not needed: one process does all by itself"
_HEARD: Final = {
    "PONG": "answers PING with PONG",
    "NOAUTH": "answers, and wants a password",
    "WRONGPASS": "answers, and knows another password",
}
_UNANSWERED: Final = "start it, or unset it: until then bells and news come up to a second later"
_RESUME: Final = "once the reason is gone: `cambist resume REASON`"
_UNFIT: Final = "mend the address, or the password in it"


def masked(url: str) -> str:
    """Return an address without the password it may hold."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


async def redis(url: str | None) -> CheckResult:
    """Ask Redis whether it is there, where one is named."""
    if url is None:
        return CheckResult("ok", "Redis", _NEEDLESS)
    clock, shown = SystemClock(), masked(url)
    began = clock.monotonic_ms()
    try:
        answer = await _ping(urlsplit(url))
    except (OSError, ValueError, TimeoutError) as error:
        message = f"nobody answers at {shown} ({type(error).__name__})"
        return CheckResult("sick", "Redis", message, fix=_UNANSWERED)
    message = f"{shown} {_HEARD.get(answer, 'answers, and not as Redis does')}"
    latency = f"{clock.monotonic_ms() - began} ms"
    if answer == "PONG":
        return CheckResult("ok", "Redis", message, "", latency)
    return CheckResult("sick", "Redis", message, "", latency, _UNFIT)


async def _ping(parts: SplitResult) -> str:
    async with asyncio.timeout(WAIT_S):
        reader, writer = await _connect(parts)
        try:
            answer = b"+OK"
            if parts.password:
                words = ["AUTH", *filter(None, (parts.username,)), parts.password]
                writer.write(_command([unquote(word) for word in words]))
                answer = await reader.readline()
            if answer.startswith(b"+OK"):
                writer.write(_command(["PING"]))
                answer = await reader.readline()
        finally:
            writer.close()
    return answer.decode(errors="replace").strip("+-\r\n").partition(" ")[0]


async def _connect(parts: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if parts.scheme == "unix":
        return await asyncio.open_unix_connection(unquote(parts.path))
    return await asyncio.open_connection(
        parts.hostname or "127.0.0.1",
        parts.port or REDIS_PORT,
        ssl=True if parts.scheme == "rediss" else None,
    )


def _command(words: list[str]) -> bytes:
    parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    return f"*{len(words)}\r\n{''.join(parts)}".encode()


async def paper_chain(place: Path | tuple[str, int]) -> CheckResult:
    """Knock at the paper chain that runs as a process of its own."""
    clock, shown = SystemClock(), place if isinstance(place, Path) else f"{place[0]}:{place[1]}"
    began = clock.monotonic_ms()
    try:
        async with asyncio.timeout(WAIT_S):
            if isinstance(place, Path):
                _, writer = await asyncio.open_unix_connection(place)
            else:
                _, writer = await asyncio.open_connection(*place)
    except (OSError, TimeoutError):
        message = f"nobody answers at {shown}"
        return CheckResult(
            "sick", "paper chain", message, fix=f"start it: `{program()} paper-chain`"
        )
    writer.close()
    latency = f"{clock.monotonic_ms() - began} ms"
    return CheckResult("ok", "paper chain", f"answers at {shown}", "", latency)


async def engine(url: str) -> list[CheckResult]:
    """Ask an engine for its health, its version and its time."""
    clock = SystemClock()
    try:
        client = Client(with_scheme(url), os.environ.get(KEY_NAME) or None, patience=ONCE)
    except ValueError as error:
        return [
            CheckResult("sick", "server", str(error), fix="mend --url, or what stands in the key")
        ]
    async with client:
        try:
            version = await client.version()
            began = clock.monotonic_ms()
            health = await client.health()
            took_ms = clock.monotonic_ms() - began
        except ConnectionFailed as nobody:
            todo = f"start one: `{program()} serve`; or name another with --url"
            return [CheckResult("sick", "server", str(nobody), fix=todo)]
        except RequestRejected as refused:
            return [CheckResult("sick", "server", refusal(refused))]
        except CambistError as stranger:
            return [CheckResult("sick", "server", str(stranger), fix="name an engine with --url")]
    apart_ms = int(health.timestamp.timestamp() * 1_000) - clock.now() + took_ms // 2
    return [_health(url, health, version, took_ms), _apart(apart_ms)]


def _health(url: str, health: Health, version: str, took_ms: int) -> CheckResult:
    parts = f"database {health.database}, chain {health.chain}, redis {health.redis}"
    message, latency = f"{url} is {health.status}: {parts}", f"{took_ms} ms"
    if health.halt is not None:
        message = f"{url} answers, and trading is halted{_why(health.halt)}: {parts}"
        return CheckResult("sick", "server", message, version, latency, _RESUME)
    if health.status == "ok":
        return CheckResult("ok", "server", message, version, latency)
    return CheckResult("sick", "server", message, version, latency, _remedy(health))


def _why(halt: Halted) -> str:
    """Say what is known of a halt: strangers are told no more than that there is one."""
    by = "" if halt.by is None else f" by {halt.by}"
    return by if halt.reason is None else f"{by} ({halt.reason})"


def _remedy(health: Health) -> str:
    """Name what does not answer, and what to look at."""
    if health.status == "down" or health.database == "down":
        return "see its log, and the disk of its home: orders cannot be stored"
    if health.chain not in ("", "ok"):
        return "see its log: the chain does not answer"
    if health.redis == "down":
        return "start Redis again: until then signals between processes come up to a second later"
    return "see its log: it is stopping"


def _apart(apart_ms: int) -> CheckResult:
    message = f"the server's is {abs(apart_ms)} ms {'ahead' if apart_ms > 0 else 'behind'}"
    if abs(apart_ms) <= CLOCK_APART_MS_MAX:
        return CheckResult("ok", "clock", message)
    return CheckResult("note", "clock", message, fix="set both by NTP: deadlines are instants")


MISSING_SHOWN: Final = 10
_COMPARE: Final = "start a worker: it compares the store with the chain, and lets it trade or not"
_MISSING: Final = (
    "restore a newer backup if there is one; else settle these with whoever sent them, since the"
    " same request sent again would be executed again; then `cambist resume REASON`"
)


async def check_halt(settings: Settings, home: Path) -> list[CheckResult]:
    """Tell of the switch that stops trading; nothing where there is no store that can be read."""
    if settings.database_url is None and not (home / bootstrap.STORE_FILE).exists():
        return []
    try:
        halt, missing = await bootstrap.inspect_halt(settings, MISSING_SHOWN)
    except (bootstrap.StoreUnusable, BadSettings, PortUnavailable, DatabaseUnusable):
        return []  # told by whoever looks at the store itself
    return [_switch(halt, missing), *_missing(missing)]


def _switch(halt: Halt | None, missing: UnrecordedTransactions) -> CheckResult:
    if halt is None:
        return CheckResult("ok", "trading", "not halted")
    todo = _RESUME
    if halt.by == bootstrap.RESTORED_BY:
        todo = _COMPARE
    elif missing.total:
        todo = _MISSING
    return CheckResult("sick", "trading", f"halted by {halt.by}: {halt.reason}", fix=todo)


def _missing(missing: UnrecordedTransactions) -> list[CheckResult]:
    """List attempts that the chain executed and the store does not have, newest first."""
    if not missing.total:
        return []
    message = f"{missing.total} executed attempts are not in the store; orders they moved are held"
    found = [CheckResult("note", "attempts", message)]
    for transaction in missing.newest:
        how = "reverted" if transaction.failed else "executed"
        order = (
            f"order {transaction.order_id or 'unknown'}, attempt {transaction.attempt or 'unknown'}"
        )
        found.append(
            CheckResult(
                "note", "", f"{order}: {how} at slot {transaction.slot}, {transaction.signature}"
            )
        )
    if missing.total > len(missing.newest):
        rest = missing.total - len(missing.newest)
        found.append(CheckResult("note", "", f"... and {rest} more, in the table missing_attempts"))
    return found
