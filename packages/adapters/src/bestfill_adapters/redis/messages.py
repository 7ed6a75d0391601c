"""Events as they go over the channel: a JSON array of events; an empty one says that some are missing."""

from collections.abc import Iterable
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from bestfill.errors import QueueError
from bestfill.events import OrderEvent
from bestfill.order import Status
from bestfill.units import Millis, OrderId

MESSAGE_MAX_BYTES: Final = 1024 * 1024
"""Longer ones are not read."""
GAP: Final = b"[]"

_LARGEST: Final = 2**53
_Count = Annotated[int, Meta(ge=1, le=_LARGEST)]


class _Sent(msgspec.Struct, frozen=True, array_like=True):
    order_id: Annotated[str, Meta(min_length=36, max_length=36)]
    user_id: Annotated[str, Meta(min_length=1, max_length=128)]
    seq: _Count
    user_seq: Annotated[int, Meta(ge=0, le=_LARGEST)]
    status: Status
    attempt: _Count
    data: dict[str, Any]
    timestamp: Annotated[int, Meta(ge=0, le=_LARGEST)]


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(list[_Sent]).decode


class BadMessage(Exception):
    """What came over the channel is not of ours; the text says why, without showing it."""


def pack(event: OrderEvent) -> bytes:
    """Write one event.

    Raises:
        QueueError: it cannot be written, or is too long to be read.
    """
    try:
        packed = _encode(
            (
                event.order_id,
                event.user_id,
                event.seq,
                event.user_seq,
                event.status,
                event.attempt,
                event.data,
                event.timestamp,
            )
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise QueueError(f"the event has no form in JSON ({type(error).__name__})") from error
    if len(packed) > MESSAGE_MAX_BYTES // 2:
        raise QueueError("the event is too long")
    return packed


def join(packed: Iterable[bytes]) -> bytes:
    """Make a message of packed events."""
    return b"[" + b",".join(packed) + b"]"


def read(message: object) -> list[OrderEvent]:
    """Read a message; no events say that some are missing.

    Raises:
        BadMessage: it is not as `join` makes them.
    """
    if not isinstance(message, bytes) or len(message) > MESSAGE_MAX_BYTES:
        raise BadMessage("it is too long")
    try:
        sent = _decode(message)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(type(error).__name__) from None
    return [
        OrderEvent(
            order_id=OrderId(one.order_id),
            user_id=one.user_id,
            seq=one.seq,
            user_seq=one.user_seq,
            status=one.status,
            attempt=one.attempt,
            data=one.data,
            timestamp=Millis(one.timestamp),
        )
        for one in sent
    ]
