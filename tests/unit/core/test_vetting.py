"""What venues and the network answer is used only if every part of it is what it should be."""

import pytest
from attrs import evolve

from bestfill.errors import ExecutionError, NetworkUnavailable
from bestfill.quote import Fill, Height, Leg, SwapOutcome, SwapStatus
from bestfill.testing import samples
from bestfill.units import U64_MAX
from bestfill.vetting import PAYLOAD_MAX_BYTES, check_leg, check_seen, check_signed, is_fill, quote_fault

ORDER, _ = samples.new_order()
QUOTE = samples.quote(ORDER)
LEG = Leg(
    venue="raydium",
    input_mint=ORDER.token_in,
    output_mint=ORDER.token_out,
    amount_in=ORDER.amount_in,
    min_out=7,
    payload=b"x",
)
SIGNED = samples.signed(ORDER)
HEIGHT = Height(1_000, 1_100)
STATUS = SwapStatus(outcome=SwapOutcome.NOT_FOUND, slot=1_100)
NO_NUMBERS = [None, "1", 1.0, float("nan"), float("inf"), True, -1, 2**64, 10**30, b"1", object()]


def test_what_is_right_passes():
    assert quote_fault(samples.quote_request(ORDER), QUOTE) is None
    check_leg(QUOTE, 7, LEG)
    check_signed(SIGNED)
    check_seen(HEIGHT, STATUS)
    assert is_fill(Fill(amount_in=0, amount_out=U64_MAX))


@pytest.mark.parametrize("field", ["amount_in", "amount_out", "price_impact_bps", "fee_bps"])
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_quote_with_a_number_that_is_none_is_refused(field, value):
    assert quote_fault(samples.quote_request(ORDER), evolve(QUOTE, **{field: value}))


@pytest.mark.parametrize("payload", [None, "dGV4dA==", bytearray(b"x"), object(), bytes(PAYLOAD_MAX_BYTES + 1)])
def test_a_payload_that_would_not_come_back_as_it_was_is_refused(payload):
    assert quote_fault(samples.quote_request(ORDER), evolve(QUOTE, payload=payload))
    with pytest.raises(ExecutionError):
        check_leg(QUOTE, 7, evolve(LEG, payload=payload))


@pytest.mark.parametrize(
    "change",
    [
        {"venue": "meteora"},
        {"input_mint": "x"},
        {"output_mint": "x"},
        {"amount_in": float(ORDER.amount_in)},
        {"amount_in": ORDER.amount_in + 1},
        {"min_out": 6},
        {"min_out": 7.0},
    ],
)
def test_a_leg_that_is_another_trade_is_refused(change):
    with pytest.raises(ExecutionError):
        check_leg(QUOTE, 7, evolve(LEG, **change))


@pytest.mark.parametrize("value", [None, {}, "leg"])
def test_what_is_no_leg_and_no_swap_is_refused(value):
    with pytest.raises(ExecutionError):
        check_leg(QUOTE, 7, value)
    with pytest.raises(ExecutionError):
        check_signed(value)


@pytest.mark.parametrize("height", NO_NUMBERS)
def test_a_swap_without_a_last_block_is_refused(height):
    with pytest.raises(ExecutionError):
        check_signed(evolve(SIGNED, last_valid_block_height=height))


@pytest.mark.parametrize(
    "change",
    [
        {"signature": ""},
        {"signature": None},
        {"signature": "a\n"},
        {"blockhash": 1},
        {"transaction": b""},
        {"transaction": "x"},
    ],
)
def test_a_swap_that_cannot_be_stored_or_sent_is_refused(change):
    with pytest.raises(ExecutionError):
        check_signed(evolve(SIGNED, **change))


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_height_or_slot_that_is_no_number_says_nothing(value):
    for height, status in (
        (Height(value, 1_100), STATUS),
        (Height(1_000, value), STATUS),
        (HEIGHT, evolve(STATUS, slot=value)),
    ):
        with pytest.raises(NetworkUnavailable):
            check_seen(height, status)


@pytest.mark.parametrize(
    ("height", "status"),
    [
        (Height(10**18, 0), STATUS),  # heights never run ahead of slots
        ((1_000, 1_100), STATUS),
        (HEIGHT, None),
        (HEIGHT, evolve(STATUS, outcome="not_found")),
        (HEIGHT, evolve(STATUS, reason=None)),
    ],
)
def test_an_answer_that_makes_no_sense_says_nothing(height, status):
    with pytest.raises(NetworkUnavailable):
        check_seen(height, status)


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_fill_of_anything_but_amounts_is_none(value):
    assert not is_fill(Fill(amount_in=1, amount_out=value))
    assert not is_fill(Fill(amount_in=value, amount_out=1))
    assert not is_fill(value)
