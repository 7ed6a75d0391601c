"""Rows to values and back: the one place that knows in which order the columns of the tables stand."""

import hashlib
import re
from typing import Any, Final, TypeAlias

import msgspec

from bestfill.errors import ErrorCode
from bestfill.events import OrderEvent
from bestfill.order import Attempt, AttemptOutcome, Failure, Order, Status
from bestfill.quote import Considered, Fill, Leg, SignedSwap
from bestfill.units import BaseUnits

Row: TypeAlias = tuple[Any, ...]

NO_EVENT: Final = bytes(32)
"""Stands for the hash of the event before the first."""

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NOTHING: Final = "00000000-0000-0000-0000-000000000000"

_encode = msgspec.json.Encoder().encode
_data = msgspec.json.Decoder(dict[str, Any]).decode
_quotes = msgspec.json.Decoder(tuple[Considered, ...]).decode
_route = msgspec.json.Decoder(tuple[Leg, ...]).decode
_metadata = msgspec.json.Decoder(dict[str, str | None]).decode


def json_text(value: object) -> str:
    """Write JSON, bytes as base64.

    Raises:
        TypeError: the value has no form in JSON.
    """
    return _encode(value).decode()


def order_key(order_id: str) -> str:
    """Give an id fit for a query: text that is no order's id, whatever it is, becomes the id of none."""
    return order_id if _UUID.fullmatch(order_id) else _NOTHING


def event_hash(prev_hash: bytes, event: OrderEvent, data: str) -> bytes:
    """Give the SHA-256 over an event as it is sent, and over the hash of the one before: so each proves all before.

    It covers the previous hash, then the lines order id, seq, status, attempt, timestamp and `data`, in UTF-8.
    """
    told = f"{event.order_id}\n{event.seq}\n{event.status}\n{event.attempt}\n{event.timestamp}\n{data}"
    return hashlib.sha256(prev_hash + told.encode()).digest()


def fixed_part(order: Order) -> Row:
    """Give the columns of `orders` up to `created_at`: they never change."""
    return (
        order.id,
        order.user_id,
        order.token_in,
        order.token_out,
        order.decimals_in,
        order.decimals_out,
        str(order.amount_in),
        _amount_text(order.min_amount_out),
        order.slippage_bps,
        order.expires_at,
        order.created_at,
    )


def moving_part(order: Order) -> Row:
    """Give the columns of `orders` from `status` to `wake_at`."""
    return (
        order.status.value,
        order.attempt,
        order.dex_selected,
        order.tx_hash,
        order.executed_price,
        _amount_text(order.amount_out),
        None if order.error_code is None else order.error_code.value,
        order.error_reason,
        order.updated_at,
        order.completed_at,
        order.seq,
        order.version,
        order.wake_at,
    )


def to_order(row: Row) -> Order:
    """Read a row of `orders`, without `event_hash`."""
    return Order(
        id=row[0],
        user_id=row[1],
        token_in=row[2],
        token_out=row[3],
        decimals_in=row[4],
        decimals_out=row[5],
        amount_in=BaseUnits(int(row[6])),
        min_amount_out=_amount(row[7]),
        slippage_bps=row[8],
        expires_at=row[9],
        created_at=row[10],
        status=Status(row[11]),
        attempt=row[12],
        dex_selected=row[13],
        tx_hash=row[14],
        executed_price=row[15],
        amount_out=_amount(row[16]),
        error_code=None if row[17] is None else ErrorCode(row[17]),
        error_reason=row[18],
        updated_at=row[19],
        completed_at=row[20],
        seq=row[21],
        version=row[22],
        wake_at=row[23],
    )


def event_row(event: OrderEvent, user_seq: int, data: str, prev_hash: bytes) -> Row:
    """Give a row of `order_events`."""
    return (
        event.order_id,
        event.seq,
        event.user_id,
        user_seq,
        event.status.value,
        event.attempt,
        data,
        event.timestamp,
        prev_hash,
    )


def numbered(event: OrderEvent, user_seq: int) -> OrderEvent:
    """Give the event as it is stored. Like `evolve`, which takes several times as long; there is one an event."""
    return OrderEvent(
        order_id=event.order_id,
        seq=event.seq,
        user_id=event.user_id,
        user_seq=user_seq,
        status=event.status,
        attempt=event.attempt,
        data=event.data,
        timestamp=event.timestamp,
    )


def to_event(row: Row) -> OrderEvent:
    """Read a row of `order_events`, without `prev_hash`."""
    return OrderEvent(
        order_id=row[0],
        seq=row[1],
        user_id=row[2],
        user_seq=row[3],
        status=Status(row[4]),
        attempt=row[5],
        data=_data(row[6]),
        timestamp=row[7],
    )


def attempt_row(attempt: Attempt) -> Row:
    """Give a row of `order_executions`."""
    signed, fill = attempt.signed, attempt.fill
    return (
        attempt.order_id,
        attempt.number,
        json_text(attempt.quotes),
        attempt.venue,
        _amount_text(attempt.quoted_out),
        _amount_text(attempt.min_out),
        attempt.quoted_at,
        json_text(attempt.route),
        *(
            (signed.signature, signed.transaction, signed.blockhash, signed.last_valid_block_height)
            if signed
            else (None, None, None, None)
        ),
        attempt.submitted_at,
        None if attempt.outcome is None else attempt.outcome.value,
        *((str(fill.amount_in), str(fill.amount_out)) if fill else (None, None)),
        None if attempt.error_code is None else attempt.error_code.value,
        attempt.error_reason,
        attempt.attention,
        attempt.started_at,
        attempt.ended_at,
    )


def to_attempt(row: Row) -> Attempt:
    """Read a row of `order_executions`."""
    signed = fill = None
    if row[8] is not None:
        signed = SignedSwap(signature=row[8], transaction=row[9], blockhash=row[10], last_valid_block_height=row[11])
    if row[14] is not None:
        fill = Fill(amount_in=BaseUnits(int(row[14])), amount_out=BaseUnits(int(row[15])))
    return Attempt(
        order_id=row[0],
        number=row[1],
        quotes=_quotes(row[2]),
        venue=row[3],
        quoted_out=_amount(row[4]),
        min_out=_amount(row[5]),
        quoted_at=row[6],
        route=_route(row[7]),
        signed=signed,
        submitted_at=row[12],
        outcome=None if row[13] is None else AttemptOutcome(row[13]),
        fill=fill,
        error_code=None if row[16] is None else ErrorCode(row[16]),
        error_reason=row[17],
        attention=row[18],
        started_at=row[19],
        ended_at=row[20],
    )


def failure_row(failure: Failure) -> Row:
    """Give a row of `order_failures`."""
    return (
        failure.order_id,
        failure.attempt,
        failure.code.value,
        failure.reason,
        json_text(failure.metadata),
        failure.at,
    )


def to_failure(row: Row) -> Failure:
    """Read a row of `order_failures`."""
    return Failure(
        order_id=row[0],
        attempt=row[1],
        code=ErrorCode(row[2]),
        reason=row[3],
        metadata=_metadata(row[4]),
        at=row[5],
    )


def _amount_text(amount: BaseUnits | None) -> str | None:
    return None if amount is None else str(amount)


def _amount(text: str | None) -> BaseUnits | None:
    return None if text is None else BaseUnits(int(text))
