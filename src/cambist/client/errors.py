"""Lists what can go wrong for a caller, by what the caller can do about it.

    CambistError
    ├── Refused            the server said no; `faults` say why, field by field
    │   ├── NotFound       404: no such order for this caller
    │   ├── Unauthorized   401: a key is missing or not known
    │   ├── Forbidden      403: the key may not do this
    │   ├── RateLimited    429: later; `retry_after_ms` says when
    │   └── Unavailable    502-504: the same again later is safe
    ├── Unreachable        nobody answered, or not to the end
    ├── Unreadable         what answered does not speak as cambist does
    └── OrderFailed        the order ended without a fill; it is carried along

No error holds the key of the caller, nor a request that does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from cambist.client.models import Order
from cambist.faults import CATALOGUE, Code, FaultSpec, Origin, Remedy
from cambist.values.time_units import SECOND, Timestamp
from cambist.wire.rfc3339 import read_moment

_DIGITS_MAX: Final = 9
_KNOWN: Final = frozenset(map(str, Code))


class FieldFault(msgspec.Struct, frozen=True):
    """One reason for a refusal; `field` as the request spelled it."""

    code: str = ""
    message: str = ""
    field: str | None = None


class CambistError(Exception):
    """Anything this client raises about an engine or an order."""


class RequestRejected(CambistError):
    """The server answered, and the answer is no."""

    def __init__(
        self, status: int, faults: tuple[FieldFault, ...], retry_after_ms: int | None = None
    ) -> None:
        super().__init__("; ".join(_told(fault) for fault in faults))
        self.status = status
        self.faults = faults
        self.retry_after_ms = retry_after_ms

    @property
    def code(self) -> str:
        """The stable code of the first reason."""
        return self.faults[0].code

    @property
    def field(self) -> str | None:
        """The field the first reason is about, where there is one."""
        return self.faults[0].field


class NotFound(RequestRejected):
    """There is no such order, or it is somebody else's."""


class Unauthorized(RequestRejected):
    """The server wants a key, or does not know this one."""


class Forbidden(RequestRejected):
    """The key is known, and may not do this."""


class RateLimited(RequestRejected):
    """Too many requests; `retry_after_ms` says when the next one may pass."""


class Unavailable(RequestRejected):
    """The server cannot serve this now; sending the same again is safe."""


class ConnectionFailed(CambistError):
    """Nobody answered at `url`, or the answer was cut off. `reason` names the kind of error."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"no engine answers at {url} ({reason})")
        self.url = url
        self.reason = reason


class InvalidResponse(CambistError):
    """The answer is not one of cambist's, or a stream that leaves out lines."""


class OrderFailed(CambistError):
    """An order ended failed, cancelled or expired. `order` is the order as it stands."""

    def __init__(self, order: Order) -> None:
        why = f": {order.error}" if order.error else ""
        super().__init__(f"order {order.order_id} is {order.status}{why}")
        self.order = order

    @property
    def code(self) -> str | None:
        """The fault's stable code; None of an order that was cancelled or expired."""
        return self.order.code

    @property
    def blame(self) -> Origin | None:
        """Whose fault it is, where this version knows the code."""
        entry = _entry(self.code)
        return entry.blame if entry is not None else None

    @property
    def remedy(self) -> Remedy | None:
        """What was permitted next, where this version knows the code."""
        entry = _entry(self.code)
        return entry.remedy if entry is not None else None


def _entry(code: str | None) -> FaultSpec | None:
    return CATALOGUE.get(Code(code)) if code in _KNOWN else None


def _told(fault: FieldFault) -> str:
    return f"{fault.field}: {fault.message}" if fault.field else fault.message


KINDS: Final[dict[int, type[RequestRejected]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


class _Problem(msgspec.Struct, frozen=True):
    code: str = ""
    detail: str = ""
    error: str = ""
    field: str | None = None
    errors: tuple[FieldFault, ...] = ()


_read: Final = msgspec.json.Decoder(_Problem).decode


def refusal(
    status: int, headers: Mapping[str, str], body: bytes, now: Timestamp
) -> RequestRejected:
    """Return a refusal as an error; a body that is no problem document is told by its status."""
    try:
        problem = _read(body)
    except msgspec.DecodeError:
        problem = _Problem()
    faults = tuple(error for error in problem.errors if error.message)
    if not faults:
        message = problem.detail or problem.error or f"the server answered {status}"
        faults = (FieldFault(problem.code or f"http_{status}", message, problem.field),)
    kind = KINDS.get(status, RequestRejected)
    return kind(status, faults, read_retry_after(headers.get("retry-after"), now))


def read_retry_after(text: str | None, now: Timestamp) -> int | None:
    """Read a Retry-After as milliseconds from now: seconds, or an instant; None when neither."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX:
        return int(text) * SECOND
    at = _read_date(text)
    return max(at - now, 0) if at is not None else None


def _read_date(text: str) -> Timestamp | None:
    try:
        date: datetime = parsedate_to_datetime(text)
    except ValueError:
        return None
    return read_moment(date.isoformat()) if date.tzinfo is not None else None
