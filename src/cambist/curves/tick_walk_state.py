"""Names what a walk through ticks begins with and what it ends in."""

from __future__ import annotations

from typing import Final, NamedTuple

PPM_ONE: Final = 1_000_000


class InsufficientLiquidity(ValueError):
    """No more ticks lie ahead, or the price limit is reached, and the amount is not used up."""


class TooFar(InsufficientLiquidity):
    """The swap takes more steps than one transaction can pay for."""


class InconsistentTicks(ValueError):
    """Ticks and liquidity do not fit together, or a piece is too large for the program."""


STEPS_MAX: Final = 64
"""How many steps a swap takes: a transaction has 1,400,000 compute units, and a step that crosses a
tick takes up to 17,000 of them, an array up to 5,000 more (measured on the compiled program)."""


class Ticks(NamedTuple):
    """Initialised ticks, rising: number, square root of the price, liquidity added going up."""

    numbers: tuple[int, ...]
    prices: tuple[int, ...]
    nets: tuple[int, ...]


class TickState(NamedTuple):
    """Where a pool stands: square root of the price (Q64.64), tick, and liquidity in force."""

    price: int
    tick: int
    liquidity: int


class FeeRates(NamedTuple):
    """In parts per million: of what is given, and (protocol, fund) of that fee itself."""

    trade: int
    protocol: int
    fund: int


class TickOrders(NamedTuple):
    """Limit orders that rest on a tick, in raw units of what they pay: untouched, part filled.

    `alone` says that no position ends there: when they are filled, the tick is gone.
    """

    untouched: int
    started: int
    alone: bool = False


class ClmmVolatility(NamedTuple):
    """What moves a pool's fee with its price, as the account keeps it.

    Times in seconds; `reduction` of 10,000; `control` of 100,000; the accumulator and its bounds
    in ten-thousandths of a tick spacing.
    """

    filter_s: int
    decay_s: int
    reduction: int
    control: int
    accumulator_max: int
    index_reference: int
    reference: int
    accumulator: int
    updated_s: int


class Release2026Features(NamedTuple):
    """What pools of the newer release have beside: fee side, moving fee, and limit orders by tick.

    The fee is taken from what is given (0), or always in token 0 (1), or always in token 1 (2).
    """

    fee_on: int = 0
    volatility: ClmmVolatility | None = None
    orders: tuple[tuple[int, TickOrders], ...] = ()


class TickPath(NamedTuple):
    """What a swap does on the curve, in raw units: `fee` is inside `given`, `kept` inside `fee`.

    `targets` counts the ticks walked towards; the last of them may not have been reached. `whole`
    says that the amount was used up before the price limit. With `on_output` the fee was taken
    from what the curve paid, and `paid` is what was left of it. Ticks `gone` held limit orders
    alone, which were filled. `first` is the square root of the first price at which anything was
    paid.
    """

    given: int
    paid: int
    fee: int
    kept: int
    tick_state: TickState
    targets: int
    whole: bool
    on_output: bool = False
    renewal: Release2026Features | None = None
    gone: tuple[int, ...] = ()
    first: int = 0
