"""Asks the venues' own SDKs in node for quotes of the same pools, and for what a quote takes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from cambist.curves.ticks import SQRT_MIN
from cambist.values.ids import Address
from cambist.values.route import SwapMode
from cambist.venues.meteora.damm_v1.accounts import Vault
from cambist.venues.meteora.damm_v2 import DAMM_V2
from cambist.venues.meteora.dlmm import DLMM
from cambist.venues.raydium.clmm import CLMM
from cambist.venues.snapshot import Account

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
INSTALLED: Final = CACHE / "cambist/oracles"
_SCRIPT: Final = Path(__file__).with_name("quotes.mjs")
_TIMEOUT_S: Final = 600


class Question(NamedTuple):
    """What a pool is asked: raw units of its first mint given, or of its second one taken."""

    pool: Any
    mode: SwapMode
    amount: int


class Answer(NamedTuple):
    """What an SDK told, in raw units, and how long it takes for it; or why it told nothing."""

    told: int
    us: float
    why: str = ""


def missing() -> str | None:
    """Return why the SDKs cannot be asked here, or None."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not (INSTALLED / ".installed").exists():
        return "no SDKs are installed: `make oracles` does it"
    return None


def ask(questions: Sequence[Question], ms: float) -> list[Answer]:
    """Return the SDKs' answers, each timed for so long after as long a warm-up."""
    asked = [_asked(question) | {"ms": ms} for question in questions]
    done = subprocess.run(
        ["node", str(_SCRIPT)],
        input=json.dumps(asked).encode(),
        capture_output=True,
        timeout=_TIMEOUT_S,
        check=False,
        env={**os.environ, "ORACLES": str(INSTALLED)},
    )
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip()[-200:] or "node failed"
        return [Answer(0, 0, why) for _ in questions]
    return [
        Answer(0, 0, load["error"]) if "error" in load else Answer(int(load["told"]), load["us"])
        for load in json.loads(done.stdout)
    ]


def ours(question: Question) -> int:
    """Return what the pool itself answers, the short way."""
    pool, mode, amount = question
    if mode == "exact_in":
        out: int = pool.amount_out(pool.mint_a, amount)
        return out
    cost: int = pool.amount_in(pool.mint_a, amount)
    return cost


def _asked(question: Question) -> dict[str, Any]:
    """Write a question: with the accounts' bytes where the SDK reads bytes, else with numbers."""
    pool, mode, amount = question
    head = {
        "program": pool.program, "mode": mode, "amount": str(amount), "now": pool.time.unix_s,
    }  # fmt: skip
    return head | _TOLD[pool.program](pool, amount)


def _reserves(pool: Any, amount: int) -> dict[str, Any]:
    rates = pool.rates
    numbers = (
        amount, pool.reserve_a, pool.reserve_b, rates.trade, rates.creator, rates.protocol,
        rates.fund,
    )  # fmt: skip
    return {"numbers": [str(number) for number in numbers]}


def _fixed_fee(pool: Any, amount: int) -> dict[str, Any]:
    return {"numbers": [str(number) for number in (amount, pool.reserve_a, pool.reserve_b)]}


def _ticks(pool: Any, _amount: int) -> dict[str, Any]:
    accounts = {account.address: account for account in CLMM.encode(pool)}
    # The SDK takes the arrays in the order of the swap, as an instruction carries them.
    order = (pool.address, pool.config, *pool.ahead(pool.mint_a))
    return {
        "accounts": _bytes(*(accounts[address] for address in order)),
        "limit": str(SQRT_MIN + 1),
    }


def _bins(pool: Any, _amount: int) -> dict[str, Any]:
    pair, *rest = DLMM.encode(pool)
    arrays = [account for account in rest if account.owner == DLMM.id]
    return {"accounts": _bytes(pair, *arrays), "mints": [pool.mint_a, pool.mint_b]}


def _range(pool: Any, _amount: int) -> dict[str, Any]:
    return {"accounts": _bytes(DAMM_V2.encode(pool)[0])}


def _vaults(pool: Any, _amount: int) -> dict[str, Any]:
    state = pool.state
    fees = (
        state.trade_numerator, state.trade_denominator,
        state.protocol_numerator, state.protocol_denominator,
    )  # fmt: skip
    mints: tuple[Address, Address] = (pool.mint_a, pool.mint_b)
    vaults = [_vault(vault) for vault in (pool.vault_a, pool.vault_b)]
    return {"fees": [str(fee) for fee in fees], "vaults": vaults, "mints": mints}


def _vault(vault: Vault) -> list[str]:
    state = vault.state
    numbers = (
        state.total, state.locked, state.reported_s, state.degradation, vault.shares,
        vault.supply, vault.at_hand,
    )  # fmt: skip
    return [str(number) for number in numbers]


def _bytes(*accounts: Account) -> list[str]:
    return [b64encode(account.data).decode() for account in accounts]


_TOLD: Final[dict[str, Callable[[Any, int], dict[str, Any]]]] = {
    "cpmm": _reserves,
    "amm_v4": _fixed_fee,
    "clmm": _ticks,
    "dlmm": _bins,
    "damm_v2": _range,
    "damm_v1": _vaults,
}
FED: Final = {
    "cpmm": "numbers",
    "amm_v4": "numbers",
    "clmm": "account bytes",
    "dlmm": "account bytes",
    "damm_v2": "account bytes",
    "damm_v1": "numbers",
}
"""What each SDK is given: where it is numbers, its quote function knows no accounts."""
