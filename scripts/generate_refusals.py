"""Prints the page of every reason for which a pool or an amount is refused."""

from __future__ import annotations

from cambist.venues.reject_reasons import RejectReason
from scripts.layout import page, table


def refusals() -> str:
    """Print the reasons, in the order they are written down."""
    return page(
        "Refusals",
        [
            "A pool whose state is not fully understood is not quoted, and neither is an amount",
            "that its program would not swap. Each reason has a name in the code and a sentence,",
            "which stands in `absent`; in brackets behind it may stand what was seen. The code of",
            "all of them is `pool_refused` ([faults](faults.md#pool_refused)). What is quoted, and",
            "how that is proved: [venues](venues.md).",
        ],
        table(("Refusal", "Meaning"), ((f"`{one}`", one.sentence) for one in RejectReason)),
    )
