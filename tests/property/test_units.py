"""Amounts survive every way in and out."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bestfill.errors import ValidationError
from bestfill.units import U64_MAX, base58_decode, base58_encode, price, to_base_units, to_display

amounts = st.integers(0, U64_MAX)
positive = st.integers(1, U64_MAX)
decimals = st.integers(0, 18)


@given(amounts, decimals)
def test_display_and_back_is_the_same_amount(amount, places):
    assert to_base_units(to_display(amount, places), places) == amount


@given(amounts, decimals)
def test_display_is_the_exact_number(amount, places):
    assert Fraction(to_display(amount, places)) == Fraction(amount, 10**places)


@given(st.text(max_size=50), decimals)
def test_any_text_is_read_exactly_or_refused(text, places):
    try:
        amount = to_base_units(text, places)
    except ValidationError:
        return
    assert text.isascii()
    assert Fraction(text) == Fraction(amount, 10**places)


@given(amounts, decimals, st.integers(1, 9))
def test_one_digit_below_the_precision_is_refused(amount, places, digit):
    whole = to_display(amount, places)
    padded = whole + ("" if "." in whole else ".") + "0" * (places - len(whole.partition(".")[2])) + str(digit)
    with pytest.raises(ValidationError):
        to_base_units(padded, places)


@given(positive, decimals, positive, decimals)
def test_price_is_cut_after_twelve_digits_and_never_too_high(amount_in, places_in, amount_out, places_out):
    exact = Fraction(amount_out, 10**places_out) / Fraction(amount_in, 10**places_in)
    shown = Fraction(price(amount_in, places_in, amount_out, places_out))
    assert exact * (1 - Fraction(1, 10**11)) < shown <= exact


@given(st.binary(max_size=80))
def test_base58_round_trips(data):
    assert base58_decode(base58_encode(data)) == data
