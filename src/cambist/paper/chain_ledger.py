"""Keeps the ledger of the paper network: blocks, executions and balances.

Keeps the paper chain's truth in an SQLite file, one durable commit for each slot.

The table `executions` is what judges the engine: a signature stands in it at most once, and an
order that stands in it twice without an error was executed twice.

    executions(signature, order_id, attempt, slot, error, sentence, wallet, mint_in, mint_out,
               amount_in, amount_out, fee_lamports)
    balances(account, mint, raw)   meta(key, value)
    pool_states(program, mint_a, mint_b, address, held_a, held_b, slot, shape, pushed_ppb)
    token_pushes(mint, slow_ppb, fast_ppb, slot)

`error` is null for a swap that happened; amounts are raw units as text, since they need 64
unsigned bits, and zero where nothing moved. Balances are double entry: with the reserves of the
pools and the accounts `endowment`, `arbitrage` and `fees`, every mint sums to nothing.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from cambist.failpoints import failpoint
from cambist.faults import Code, Fault
from cambist.paper.pool_states import PoolKey, PoolState, pool_address
from cambist.paper.price_push import TokenPush
from cambist.ports.chain import ExecutedTransaction
from cambist.values.ids import Address, OrderId, Signature
from cambist.values.time_units import Height, Slot

BUSY_TIMEOUT_MS: Final = 5_000
FIRST_HEIGHT: Final = Height(1_000)
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS executions (
    signature TEXT PRIMARY KEY NOT NULL, order_id TEXT NOT NULL, attempt INTEGER NOT NULL,
    slot INTEGER NOT NULL, error TEXT, sentence TEXT, wallet TEXT NOT NULL,
    mint_in TEXT NOT NULL, mint_out TEXT NOT NULL, amount_in TEXT NOT NULL,
    amount_out TEXT NOT NULL, fee_lamports TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS balances (
    account TEXT NOT NULL, mint TEXT NOT NULL, raw TEXT NOT NULL, PRIMARY KEY (account, mint)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS token_pushes (
    mint TEXT PRIMARY KEY NOT NULL, slow_ppb INTEGER NOT NULL, fast_ppb INTEGER NOT NULL,
    slot INTEGER NOT NULL
) WITHOUT ROWID;
"""
_POOL_STATES: Final = """
CREATE TABLE IF NOT EXISTS pool_states (
    program TEXT NOT NULL, mint_a TEXT NOT NULL, mint_b TEXT NOT NULL, address TEXT NOT NULL,
    held_a TEXT NOT NULL, held_b TEXT NOT NULL, slot INTEGER NOT NULL, shape TEXT NOT NULL,
    pushed_ppb INTEGER NOT NULL, PRIMARY KEY (program, mint_a, mint_b)
) WITHOUT ROWID
"""
_SET_META: Final = "INSERT OR REPLACE INTO meta VALUES (?, ?)"
_RAISE_MARK: Final = "UPDATE meta SET value = MAX(CAST(value AS INTEGER), ?) WHERE key = 'mark'"
_ADD_EXECUTION: Final = "INSERT INTO executions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_NEWEST: Final = """
SELECT * FROM executions
WHERE rowid < coalesce(
    (SELECT rowid FROM executions WHERE signature = ?), 9223372036854775807)
ORDER BY rowid DESC
"""
_SET_BALANCE: Final = "INSERT OR REPLACE INTO balances VALUES (?, ?, ?)"
_SET_POOL: Final = "INSERT OR REPLACE INTO pool_states VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SET_PUSH: Final = "INSERT OR REPLACE INTO token_pushes VALUES (?, ?, ?, ?)"


class LedgerTakenOver(RuntimeError):
    """Another process opened the ledger after us."""


class DiskFull(RuntimeError):
    """The disk is full; nothing was written, and the same may be written later."""


class WrongSeed(ValueError):
    """The ledger is of the world of another seed; its prices and blockhashes are not ours."""


class Ledger:
    """The file. Reads are for the loop's thread, `write` for one writer at a time."""

    def __init__(self, path: Path, seed: int) -> None:
        self._out = self._connect(str(path))
        self._out.execute("PRAGMA journal_mode = WAL")
        self._out.execute("PRAGMA synchronous = FULL")
        self._out.executescript(_SCHEMA)
        self._generation = self._take(seed)
        self._in = self._connect(str(path))
        self._in.execute("PRAGMA query_only = 1")

    @staticmethod
    def _connect(path: str) -> sqlite3.Connection:
        link = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        link.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        return link

    def _take(self, seed: int) -> str:
        """Make this process the only one that may write; whoever wrote before fails from now on."""
        self._out.execute("BEGIN IMMEDIATE")
        meta = dict(self._out.execute("SELECT key, value FROM meta"))
        if meta.setdefault("seed", str(seed)) != str(seed):
            self._out.execute("ROLLBACK")
            msg = f"the ledger is of the world of seed {meta['seed']}, not of seed {seed}"
            raise WrongSeed(msg)
        meta.setdefault("mark", str(FIRST_HEIGHT))
        meta["generation"] = str(int(meta.get("generation", "0")) + 1)
        self._out.executemany(_SET_META, meta.items())
        _retire_pools(self._out)
        self._out.execute("COMMIT")
        return str(meta["generation"])

    def mark(self) -> Height:
        """Return the height up to which heights may have been reported."""
        return Height(int(_one(self._in, "SELECT value FROM meta WHERE key = 'mark'")))

    def balance(self, holding: BalanceKey) -> int | None:
        """Return a balance in raw units; None when the account never held the mint."""
        sql = "SELECT raw FROM balances WHERE account = ? AND mint = ?"
        row = self._in.execute(sql, holding).fetchone()
        return None if row is None else int(row[0])

    def pool(self, key: PoolKey) -> PoolState | None:
        """Return a pool as its last swap left it; None when nobody traded in it."""
        sql = (
            "SELECT held_a, held_b, slot, shape, pushed_ppb FROM pool_states"
            " WHERE (program, mint_a, mint_b) = (?, ?, ?)"
        )
        row = self._in.execute(sql, key).fetchone()
        if row is None:
            return None
        saved = tuple(int(number) for number in row[3].split())
        return PoolState(int(row[0]), int(row[1]), Slot(row[2]), saved, row[4])

    def push(self, mint: Address) -> TokenPush | None:
        """Return what orders left in what a token costs; None when nobody traded it."""
        sql = "SELECT slow_ppb, fast_ppb, slot FROM token_pushes WHERE mint = ?"
        row = self._in.execute(sql, (mint,)).fetchone()
        return None if row is None else TokenPush(row[0], row[1], Slot(row[2]))

    def execution(self, signature: Signature) -> Execution | None:
        """Return what became of a signature."""
        sql = "SELECT * FROM executions WHERE signature = ?"
        row = self._in.execute(sql, (signature,)).fetchone()
        return None if row is None else _execution(row)

    def latest(self, limit: int) -> list[Execution]:
        """Return the last executions, oldest first."""
        sql = "SELECT * FROM executions ORDER BY rowid DESC LIMIT ?"
        return [_execution(row) for row in self._in.execute(sql, (limit,))][::-1]

    def newest(self, since: Slot, before: Signature | None, limit: int) -> list[Execution]:
        """Return executions at a slot or later, newest first, from before one of them on."""
        found: list[Execution] = []
        for row in self._in.execute(_NEWEST, (before,)):  # slots only grow, so one may stop early
            if len(found) == limit or row[3] < since:
                break
            found.append(_execution(row))
        return found

    def write(self, block: Block) -> None:
        """Make a block durable; nothing of it stands when this raises."""
        self._out.execute("BEGIN IMMEDIATE")
        try:
            self._put(block)
            if block.executions:
                failpoint("chain.before_commit")
            self._out.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._undo()
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise
            msg = "the disk of the paper chain is full"
            raise DiskFull(msg) from error
        except BaseException:
            self._undo()
            raise
        if block.executions:
            failpoint("chain.after_commit")

    def _undo(self) -> None:
        if self._out.in_transaction:
            self._out.execute("ROLLBACK")

    def _put(self, block: Block) -> None:
        owner = _one(self._out, "SELECT value FROM meta WHERE key = 'generation'")
        if owner != self._generation:
            msg = "another process opened the ledger"
            raise LedgerTakenOver(msg)
        self._out.execute(_RAISE_MARK, (block.mark,))
        self._out.executemany(_ADD_EXECUTION, map(_row, block.executions))
        self._out.executemany(
            _SET_BALANCE, ((*holding, str(raw)) for holding, raw in block.balances.items())
        )
        self._out.executemany(
            _SET_POOL,
            (
                (
                    *key,
                    pool_address(key),
                    str(state.held_a),
                    str(state.held_b),
                    state.slot,
                    " ".join(map(str, state.saved)),
                    state.pushed_ppb,
                )
                for key, state in block.pools.items()
            ),
        )
        self._out.executemany(
            _SET_PUSH,
            (
                (mint, push.slow_ppb, push.fast_ppb, push.slot)
                for mint, push in block.pushes.items()
            ),
        )

    def close(self) -> None:
        """Let the file go."""
        self._in.close()
        self._out.close()


def executions(path: Path) -> list[Execution]:
    """Return every execution of a ledger in the order it happened, without touching the file.

    A file whose chain has only just begun has none.
    """
    with _looked_at(path) as link:
        if not _has(link, "executions"):
            return []
        return [_execution(row) for row in link.execute("SELECT * FROM executions ORDER BY rowid")]


def balances(path: Path, account: str | None, limit: int) -> list[tuple[BalanceKey, int]]:
    """Return what accounts hold in raw units, or one account does, without touching the file."""
    sql = "SELECT account, mint, raw FROM balances WHERE ?1 IS NULL OR account = ?1 LIMIT ?2"
    with _looked_at(path) as link:
        rows = link.execute(sql, (account, limit)).fetchall()
    return [(BalanceKey(row[0], row[1]), int(row[2])) for row in rows]


def sums(path: Path) -> dict[Address, int]:
    """Return each mint's sum over every account and pool, in raw units: nothing, if all is well."""
    total: dict[Address, int] = {}
    with _looked_at(path) as link:
        for mint, raw in link.execute(
            "SELECT mint, raw FROM balances UNION ALL SELECT mint_a, held_a FROM pool_states"
            " UNION ALL SELECT mint_b, held_b FROM pool_states"
        ):
            total[mint] = total.get(mint, 0) + int(raw)
    return total


def _looked_at(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True))


def _has(link: sqlite3.Connection, table: str) -> bool:
    sql = "SELECT 1 FROM sqlite_schema WHERE name = ?"
    return link.execute(sql, (table,)).fetchone() is not None


def _retire_pools(link: sqlite3.Connection) -> None:
    """Give what pools of an older market held back to the endowment; they begin anew, at rest.

    Balances and executions stay. Pools of before five programs stood in `pools`; those of before
    pairs agreed with each other have no `pushed_ppb`.
    """
    columns = {row[1] for row in link.execute("PRAGMA table_info(pool_states)")}
    if _has(link, "pools"):
        _retire(link, "pools", ("reserve_a", "reserve_b"))
    if columns and "pushed_ppb" not in columns:
        _retire(link, "pool_states", ("held_a", "held_b"))
    link.execute(_POOL_STATES)


def _retire(link: sqlite3.Connection, table: str, held: tuple[str, str]) -> None:
    sql = " UNION ALL ".join(
        f"SELECT mint_{side}, {column} FROM {table}"  # noqa: S608 -- names of our own
        for side, column in zip("ab", held, strict=True)
    )
    for mint, raw in link.execute(sql).fetchall():
        find = "SELECT raw FROM balances WHERE account = 'endowment' AND mint = ?"
        before = link.execute(find, (mint,)).fetchone()
        left = int(raw) + (int(before[0]) if before else 0)
        link.execute(_SET_BALANCE, ("endowment", mint, str(left)))
    link.execute(f"DROP TABLE {table}")


def _one(link: sqlite3.Connection, sql: str) -> str:
    ((value,),) = link.execute(sql)
    return str(value)


def _row(done: Execution) -> tuple[Any, ...]:
    why = done.fault
    error, sentence = (None, None) if why is None else (why.code.value, why.message)
    return (
        done.signature, done.order_id, done.attempt, done.slot, error, sentence, done.wallet,
        done.mint_in, done.mint_out, str(done.amount_in), str(done.amount_out),
        str(done.fee_lamports),
    )  # fmt: skip


def _execution(row: tuple[Any, ...]) -> Execution:
    signature, order_id, attempt, slot, error, sentence, wallet, mint_in, mint_out = row[:9]
    why = None if error is None else Fault(Code(error), sentence)
    moved_in, moved_out, fee = map(int, row[9:])
    return Execution(
        signature, order_id, attempt, slot, why, wallet, mint_in, mint_out, moved_in, moved_out, fee
    )


EXECUTIONS_IN_MEMORY_MAX: Final = 20_000


class ExecutionCache:
    """Every execution that is durable."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._complete_from = Slot(0)
        latest = ledger.latest(EXECUTIONS_IN_MEMORY_MAX)
        self._recent = {execution.signature: execution for execution in latest}
        if len(latest) == EXECUTIONS_IN_MEMORY_MAX:
            self._complete_from = Slot(latest[0].slot + 1)

    def find(self, signature: Signature, made: Height) -> Execution | None:
        """Return what became of a signature that cannot have landed before height `made`."""
        done = self._recent.get(signature)
        if done is None and made < self._complete_from:
            return self._ledger.execution(signature)
        return done

    def traces(
        self, since: Slot, before: Signature | None, limit: int
    ) -> tuple[ExecutedTransaction, ...]:
        """Return what was executed at a slot or later, newest first."""
        return tuple(
            ExecutedTransaction(
                execution.signature,
                execution.slot,
                execution.order_id,
                execution.attempt,
                execution.fault is not None,
            )
            for execution in self._ledger.newest(since, before, limit)
        )

    def add(self, executions: tuple[Execution, ...]) -> None:
        """Take note of a slot that became durable."""
        recent = self._recent
        for execution in executions:
            recent[execution.signature] = execution
        while len(recent) > EXECUTIONS_IN_MEMORY_MAX:
            oldest = recent.pop(next(iter(recent)))
            self._complete_from = Slot(oldest.slot + 1)


class BalanceKey(NamedTuple):
    """Whose balance of which mint."""

    account: str
    mint: Address


class Execution(msgspec.Struct, frozen=True, gc=False):
    """A transaction that was executed, for ever. Amounts are raw units; a fault moved nothing."""

    signature: Signature
    order_id: OrderId
    attempt: int
    slot: Slot
    fault: Fault | None
    wallet: Address
    mint_in: Address
    mint_out: Address
    amount_in: int
    amount_out: int
    fee_lamports: int


class Block(msgspec.Struct, frozen=True):
    """What one commit makes durable: the mark, a slot's executions, what they changed."""

    mark: Height
    executions: tuple[Execution, ...] = ()
    balances: dict[BalanceKey, int] = {}
    pools: dict[PoolKey, PoolState] = {}
    pushes: dict[Address, TokenPush] = {}
