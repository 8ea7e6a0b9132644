"""Fuzzes one program: `python -m tests.fuzz clmm -max_total_time=60`, or `make fuzz`."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["cambist.venues", "cambist.curves"]):
    from tests.fuzz.decoders import TARGETS, target


def main() -> None:
    """Fuzz until the time is up, or until something escapes."""
    name, *rest = sys.argv[1:] or [""]
    if name not in TARGETS:
        sys.exit(f"Which program? One of {', '.join(TARGETS)}.")
    atheris.Setup([sys.argv[0], *rest], target(name))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
