"""Holds connections to the server: every query has a time limit, and ends with its connection.

The pool is the driver's own, with its hooks: `init` looks at each server, and `reset` leaves out
what it would send after every query. What this module adds is what the outcome of a query means:
nothing was sent, nothing was done, or nobody knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

import asyncpg
import msgspec
import structlog

from cambist.ports.errors import PortUnavailable, ReadInterrupted
from cambist.stores.errors import DatabaseUnusable
from cambist.stores.postgres.errors import CONNECTION_LOST, OutcomeUnknown, is_outcome_unknown

T = TypeVar("T")
Connection = Any

CONNECT_WITHIN_S: Final = 5.0
STATEMENT_WITHIN_MS: Final = 5_000
LOCK_WITHIN_MS: Final = 2_000
IDLE_IN_TRANSACTION_MS: Final = 10_000
ANSWER_WITHIN_S: Final = 7.0
"""How long a query may take, as we see it: longer than the server lets it run, so that as a
rule the server says no, and nothing is left unknown."""
ACQUIRE_WITHIN_S: Final = 5.0
REFUSE_FOR_S: Final = 0.1
CLOSE_WITHIN_S: Final = 2.0
READ_WITHIN_S: Final = 1.0
"""How long a client's read may take, the wait for a connection included."""
IDLE_CONNECTION_S: Final = 300.0
SERVER_MIN: Final = 130_000
_LOSING: Final = ("fsync", "synchronous_commit", "full_page_writes")
_LOOK: Final = """
SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',
       current_setting('server_version_num')::int, current_setting('fsync'),
       current_setting('synchronous_commit'), current_setting('full_page_writes')
"""
_PLANS: Final = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
"""Every query of ours looks rows up by an index. Planned anew each time, the one that writes a
batch costs more to plan than to run; and before a table's first statistics the planner prefers
to read it whole, which costs a list of the newest orders 50 ms at 3,000 orders."""


class Target(msgspec.Struct, frozen=True):
    """Where the database is. `may_lose` takes a server that forgets what it acknowledged."""

    url: str
    may_lose: bool = False

    @property
    def dsn(self) -> str:
        """The address as the driver reads it."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme.partition('+')[0]}://{rest}"


log = structlog.get_logger("cambist.store")


async def _leave_as_it_is(_: Connection) -> None:
    """Send nothing before a connection is used again: our queries change no session."""


class ConnectionPool:
    """A few connections. A broken one is thrown away, and the next query opens another."""

    def __init__(self, target: Target, most: int, *, only_reads: bool = False) -> None:
        self._target = target
        self._most = most
        self._only_reads = only_reads
        self._pool: Any = None
        self._away: BaseException | None = None
        self._away_until = 0.0

    async def open(self) -> None:
        """Open the first connection. Raises DatabaseUnusable, and PortUnavailable."""
        self._pool = asyncpg.create_pool(
            self._target.dsn,
            min_size=0,
            max_size=self._most,
            timeout=CONNECT_WITHIN_S,
            command_timeout=ANSWER_WITHIN_S,
            max_inactive_connection_lifetime=IDLE_CONNECTION_S,
            init=self._look,
            reset=_leave_as_it_is,
            server_settings={
                "application_name": "cambist",
                "statement_timeout": str(STATEMENT_WITHIN_MS),
                "lock_timeout": str(LOCK_WITHIN_MS),
                "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
                "jit": "off",
                **_PLANS,
            },
        )
        try:
            await self._pool
            connection = await self._pool.acquire(timeout=ACQUIRE_WITHIN_S)
        except (*CONNECTION_LOST, asyncpg.PostgresError) as error:
            raise _away(error) from error
        await self._pool.release(connection)

    async def _look(self, connection: Connection) -> None:
        """Refuse a server that could not keep a promise."""
        row = await connection.fetchrow(_LOOK)
        if row[0] or row[1]:
            msg = "the database takes no writes (a replica, or read-only): name the primary"
            raise DatabaseUnusable(msg)
        if row[2] < SERVER_MIN:
            msg = f"PostgreSQL {row[2] // 10_000} is too old; cambist needs 13 or newer"
            raise DatabaseUnusable(msg)
        off = [name for name, value in zip(_LOSING, row[3:], strict=True) if value == "off"]
        if off and not self._target.may_lose:
            msg = (
                f"the database runs with {', '.join(off)} off: it would forget orders it "
                "acknowledged. Switch it on, or set CAMBIST_MAY_LOSE_ACKNOWLEDGED_ORDERS=true"
            )
            raise DatabaseUnusable(msg)

    async def close(self) -> None:
        """Let every connection go."""
        if self._pool is not None:
            self._pool.terminate()

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run statements on a connection.

        Raises PortUnavailable when there is none: then nothing was sent. Raises OutcomeUnknown when
        the answer
        did not come, and asyncpg.PostgresError when the server refused: nothing was done.
        """
        connection = await self._acquire()
        try:
            return await work(connection)
        except asyncpg.PostgresError as error:
            if not is_outcome_unknown(error):
                raise
            _drop(connection)
            raise OutcomeUnknown(str(error)) from error
        except CONNECTION_LOST as error:
            _drop(connection)
            raise OutcomeUnknown(_told(error)) from error
        except BaseException:
            if not self._only_reads:
                _drop(connection)
            raise
        finally:
            await self._give_back(connection)

    async def _give_back(self, connection: Connection) -> None:
        """Return a connection to the pool, which waits for a query that is being cancelled.

        An error here says nothing of what the connection was used for: that result stands.
        """
        try:
            await self._pool.release(connection, timeout=CLOSE_WITHIN_S)
        except (*CONNECTION_LOST, asyncpg.PostgresError) as error:
            log.warning("connection_lost", error=_told(error))
            _drop(connection)

    async def _acquire(self) -> Connection:
        """Take a connection.

        After a failure all are refused for a while: a crowd that knocks at a server keeps it
        from coming back.
        """
        now = asyncio.get_running_loop().time()
        if self._away is not None and now < self._away_until:
            raise _away(self._away)
        try:
            connection = await self._pool.acquire(timeout=ACQUIRE_WITHIN_S)
        except (*CONNECTION_LOST, asyncpg.PostgresError, DatabaseUnusable) as error:
            self._away = error
            self._away_until = asyncio.get_running_loop().time() + REFUSE_FOR_S
            raise _away(error) from error
        self._away = None
        return connection

    async def read(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run statements that may be made again. Raises PortUnavailable."""
        try:
            return await self.run(work)
        except (OutcomeUnknown, asyncpg.PostgresError) as error:
            raise _away(error) from error

    async def ask(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run a client's read.

        The server is told to end it when the task that waits for it is cancelled, and after
        `READ_WITHIN_S`: then it raises ReadInterrupted. Raises PortUnavailable as `read` does.
        """
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                return await self.read(work)
        except TimeoutError:
            msg = f"the read took longer than {READ_WITHIN_S:g} s; ask for less, or later"
            raise ReadInterrupted(msg) from None


def _drop(connection: Connection) -> None:
    """Close a connection at once; one that broke is the pool's again already."""
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


def _told(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _away(error: BaseException) -> PortUnavailable:
    return PortUnavailable(f"the database failed: {_told(error)}")
