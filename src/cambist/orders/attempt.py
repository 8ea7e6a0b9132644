"""Describes a signed transaction, its outcome, and what the nodes of the chain say about it."""

from __future__ import annotations

from typing import Literal

import msgspec

from cambist.faults import Fault
from cambist.values.amount import RawAmount
from cambist.values.ids import Signature
from cambist.values.time_units import Height, Millis, Slot, Timestamp

AttemptState = Literal["in_flight", "landed", "reverted", "lapsed"]
Commitment = Literal["processed", "confirmed", "finalized"]


class Attempt(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One signed transaction of an order.

    `transaction` is the exact bytes, which may be sent again and again; an order replayed from its
    journal alone has none. `first_seen_slot` is set once any node has shown the signature.
    """

    number: int
    signature: Signature
    blockhash: str
    last_valid_height: Height
    built_slot: Slot
    state: AttemptState = "in_flight"
    sent_at: Timestamp | None = None
    first_seen_slot: Slot | None = msgspec.field(default=None, name="sighted_slot")
    transaction: bytes = b""


class Fill(msgspec.Struct, frozen=True, gc=False):
    """What a landed transaction really moved, in raw units; the fee in lamports."""

    signature: Signature
    amount_in: RawAmount
    amount_out: RawAmount
    fee_lamports: RawAmount
    slot: Slot


class SignatureStatus(msgspec.Struct, frozen=True, gc=False):
    """A signature seen on chain: how firmly, in which slot, and the error it ended with."""

    commitment: Commitment
    slot: Slot
    fault: Fault | None = None


class NodeObservation(msgspec.Struct, frozen=True, gc=False):
    """One endpoint's answer about one signature: height, blockhash and status, asked in this order.

    `slot` and `height` are the finalized ones of a single call; `context_slot` is where the
    status was read; `first_slot` is the oldest slot whose history the endpoint serves;
    `checked_slot` is the finalized one at which the blockhash was looked at.
    """

    endpoint: str
    slot: Slot
    height: Height
    context_slot: Slot
    first_slot: Slot
    blockhash_valid: bool
    sighting: SignatureStatus | None = None
    checked_slot: Slot = Slot(0)


class ChainParameters(msgspec.Struct, frozen=True, gc=False):
    """Parameters of the chain for waiting and for the proof of lapse.

    `blockhash_window` is how many blocks a blockhash is valid, `lapse_margin` how many more a
    single node must be past, `observers_required` how many nodes must agree.
    """

    slot_ms: Millis
    blockhash_window: int
    finality_slots: int
    lapse_margin: int
    observers_required: int
    status_history: int = 280
    height_slack: int = 64
