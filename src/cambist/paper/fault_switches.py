"""Reads which faults a running paper network injects, from a file that may change at any time.

`cambist chaos` writes the file. Every process that runs a part of the network reads it a few times
a second. The seed and the order's reference decide which orders are struck, so the same orders
under the same switches meet the same faults.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec
import structlog

from cambist import failpoints
from cambist.ports.clock import Clock
from cambist.values.file_modes import OWNER_ONLY
from cambist.values.time_units import Timestamp

READ_EVERY_MS: Final = 100
FILE_BYTES_MAX: Final = 64 * 1_024

log = structlog.get_logger("cambist.faults")


class FaultSwitch(msgspec.Struct, frozen=True, omit_defaults=True):
    """How strong a fault is, and until when; None means until it is switched off."""

    strength: int
    until: Timestamp | None = None

    def at(self, now: Timestamp) -> int:
        """Return the strength at an instant."""
        return self.strength if self.until is None or now < self.until else 0


class CrashPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """A failpoint that processes running now are to break at, once: `point:count:act`."""

    plan: str
    until: Timestamp | None = None
    set_at: Timestamp = Timestamp(0)


class FaultConfig(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The switches. Rates are parts per million of what they strike, `delay` is milliseconds.

    drop         sends that vanish on their way
    delay        added to what landing takes
    fork         landings on a fork that is forgotten a few slots later, below finality
    lie          transactions of which the second endpoint says that they can never land
    busy         questions that a venue answers with 429
    quote_error  questions that a venue does not answer
    """

    drop: FaultSwitch | None = None
    delay: FaultSwitch | None = None
    fork: FaultSwitch | None = None
    lie: FaultSwitch | None = None
    busy: FaultSwitch | None = None
    quote_error: FaultSwitch | None = None
    crash: CrashPlan | None = None


NAMES: Final = FaultConfig.__struct_fields__


class ActiveFaults:
    """The switches as they stand at this moment."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.chaos = FaultConfig()

    @property
    def is_empty(self) -> bool:
        """Whether no switch was set."""
        return self.chaos == FaultConfig()

    def _at(self, dial: FaultSwitch | None) -> int:
        return 0 if dial is None else dial.at(self._clock.now())

    @property
    def drop_ppm(self) -> int:
        """How many sends vanish."""
        return self._at(self.chaos.drop)

    @property
    def delay_ms(self) -> int:
        """How much longer landing takes."""
        return self._at(self.chaos.delay)

    @property
    def fork_ppm(self) -> int:
        """How many landings are forgotten again."""
        return self._at(self.chaos.fork)

    @property
    def lie_ppm(self) -> int:
        """Of how many transactions the second endpoint lies."""
        return self._at(self.chaos.lie)

    @property
    def busy_ppm(self) -> int:
        """How many questions to a venue are refused."""
        return self._at(self.chaos.busy)

    @property
    def quote_error_ppm(self) -> int:
        """How many questions to a venue are not answered."""
        return self._at(self.chaos.quote_error)


def read(path: Path) -> FaultConfig:
    """Return the switches of a file; none where it is not there. Raises ValueError."""
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return FaultConfig()
    try:
        return msgspec.json.decode(text, type=FaultConfig)
    except (ValueError, RecursionError) as error:
        msg = f"{path} is not what `cambist chaos` writes: {error}"
        raise ValueError(msg) from None


def write(path: Path, chaos: FaultConfig) -> None:
    """Put switches in force; readers see all of them or none. Raises OSError."""
    part = path.with_name(f"{path.name}.part")
    part.touch(OWNER_ONLY)
    part.write_bytes(msgspec.json.format(msgspec.json.encode(chaos)))
    part.replace(path)


class FaultConfigWatcher:
    """Keeps the active faults as the file says, and arms the failpoint it names."""

    def __init__(self, path: Path, weather: ActiveFaults, clock: Clock) -> None:
        self._path = path
        self._weather = weather
        self._clock = clock
        self._seen: tuple[int, int] | None = None
        self._armed: CrashPlan | None = None
        # A crash is for those who ran when it was set: else nobody could start again after it.
        self._started = clock.now()

    async def run(self) -> None:
        """Follow the file, until cancelled."""
        while True:
            self.look()
            await self._clock.sleep(READ_EVERY_MS)

    def look(self) -> None:
        """Read the file if it changed."""
        try:
            stat = os.stat(self._path)  # noqa: PTH116 -- a few times a second
            seen = (stat.st_mtime_ns, stat.st_ino)
        except OSError:
            seen = None
        if seen != self._seen:
            self._seen = seen
            try:
                self._weather.chaos = read(self._path)
                log.warning("chaos", switches=msgspec.to_builtins(self._weather.chaos))
            except (OSError, ValueError) as error:
                log.warning("fault_switches_unreadable", error=str(error))
        self._arm()

    def _arm(self) -> None:
        crash = self._weather.chaos.crash
        if crash is not None:
            is_over = crash.until is not None and crash.until <= self._clock.now()
            crash = None if is_over or crash.set_at < self._started else crash
        if crash == self._armed:
            return
        self._armed = crash
        try:
            failpoints.arm(None if crash is None else crash.plan)
        except failpoints.InvalidFailpointPlan as bad:
            log.warning("fault_switches_unreadable", error=str(bad))
