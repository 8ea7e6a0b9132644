"""Generates the page of every reason for which a pool or an amount is rejected."""

from __future__ import annotations

from cambist.venues.reject_reasons import RejectReason
from scripts.layout import page, table


def refusals() -> str:
    """Return the page; the reasons are in the order of the code."""
    return page(
        "Rejected pools",
        [
            "cambist does not quote a pool whose state it does not fully understand, or an amount",
            "that the program would not swap. Each reason has a name in the code and a sentence,",
            "which `absent` contains, sometimes with details in brackets. The fault code of all of",
            "them is `pool_refused` ([faults](faults.md#pool_refused)). [Venues](venues.md) says",
            "what is quoted, and how that is proved.",
        ],
        table(("Reason", "Meaning"), ((f"`{one}`", one.sentence) for one in RejectReason)),
    )
