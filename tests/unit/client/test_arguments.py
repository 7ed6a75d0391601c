"""What callers give reaches the engine unchanged, or not at all."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from bestfill_client import Patience, arguments, calls
from bestfill_client.errors import EngineError, WrongArgument


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("1.5", "1.5"), ("1e3", "1e3"), (2, "2"), (10**18, "1000000000000000000"), (Decimal("1.50"), "1.50"),
        (Decimal("1E+3"), "1000"), (Decimal("1E-9"), "0.000000001"), (Decimal("123456789012345678.123456789"),) * 2,
        (Decimal("1234567890123456789012345678901234567890.1"),) * 2,
    ],
)  # fmt: skip
def test_amounts_are_written_plainly_and_exactly(given: Any, sent: Any) -> None:
    assert arguments.amount("amount_in", given) == str(sent)


@pytest.mark.parametrize(
    "given",
    [
        1.5, float("nan"), True, None, b"1", [], Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"),
        Decimal("1E+999999"), Decimal("1E-999999"), pytest.param(10**5000, id="10**5000"), "\ud800",
    ],
)  # fmt: skip
def test_what_is_no_exact_amount_is_refused_by_the_fields_name(given: Any) -> None:
    with pytest.raises(WrongArgument, match="amount_in must|amount_in has") as caught:
        arguments.amount("amount_in", given)
    assert caught.value.field == "amount_in"
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, EngineError)


def test_a_float_is_told_why() -> None:
    with pytest.raises(WrongArgument, match="not a float: it may already have been rounded"):
        calls.swap("SOL", "USDC", 1.5, None, None, None, None)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "fields", [{"slippage": 0.5}, {"min_amount_out": 1.0}, {"slippage_bps": 5.0}, {"slippage_bps": True}]
)
def test_no_field_takes_a_float_or_a_bool(fields: dict[str, Any]) -> None:
    given = dict.fromkeys(["min_amount_out", "slippage", "slippage_bps", "expires_at"]) | fields
    with pytest.raises(WrongArgument, match=next(iter(fields))):
        calls.swap("SOL", "USDC", "1", **given)


def test_a_moment_is_written_in_utc_and_needs_its_zone() -> None:
    there = datetime(2026, 1, 2, 3, 4, 5, 678_901, timezone(timedelta(hours=5, minutes=30)))
    assert arguments.moment("expires_at", there) == "2026-01-01T21:34:05.678Z"
    assert arguments.moment("expires_at", datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00.000Z"
    assert arguments.moment("expires_at", "tomorrow") == "tomorrow"
    with pytest.raises(WrongArgument, match="expires_at must have its time zone"):
        arguments.moment("expires_at", there.replace(tzinfo=None))


@pytest.mark.parametrize("given", ["", "..", "../queue/stats", "x", "01A20342", None, 5, "０" * 36])
def test_what_is_no_order_id_makes_no_path(given: Any) -> None:
    with pytest.raises(WrongArgument, match="order_id"):
        calls.order(given)


def test_an_order_id_may_be_in_capitals() -> None:
    assert arguments.order_id("01A20342-BF71-7304-BCDA-895E8E7B2DA3") == "01a20342-bf71-7304-bcda-895e8e7b2da3"


@pytest.mark.parametrize("given", ["", " k", "k ", "k\n", "k\r\nx: y", "ü", "k" * 256, 5])
def test_a_key_that_a_header_would_change_is_refused(given: Any) -> None:
    with pytest.raises(WrongArgument, match="idempotency_key"):
        arguments.key(given)


def test_keys_are_made_and_differ() -> None:
    assert len({arguments.key(None) for _ in range(100)}) == 100
    for key in ("k", "a key", "k" * 255):
        assert arguments.key(key) == key


def test_a_query_holds_any_user_id() -> None:
    assert arguments.query(userId="a/ü&b=c+d#%", since=0, none=None) == "?userId=a%2F%C3%BC%26b%3Dc%2Bd%23%25&since=0"
    with pytest.raises(WrongArgument, match="user_id"):
        calls.orders("\udfff", 10, 0)
    with pytest.raises(WrongArgument, match="user_id must have at most"):
        calls.orders("u" * 70_000, 10, 0)


@pytest.mark.parametrize("given", [0, -1, float("nan"), float("inf")])
def test_a_time_for_an_answer_has_an_end(given: float) -> None:
    with pytest.raises(WrongArgument, match="timeout_s must be more than 0 seconds"):
        arguments.span("timeout_s", given)


@pytest.mark.parametrize("fields", [{"tries": 0}, {"total_s": -1}, {"first_s": float("nan")}, {"stream_s": -0.1}])
def test_patience_without_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(WrongArgument):
        Patience(**fields)
