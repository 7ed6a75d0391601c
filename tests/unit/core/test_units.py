"""Amounts go in and out of text exactly, or are refused."""

import pytest

from bestfill.errors import ValidationError
from bestfill.units import U64_MAX, base58_decode, base58_encode, price, to_base_units, to_display, to_mint, uuid7


@pytest.mark.parametrize(
    ("text", "decimals", "amount"),
    [
        ("1.5", 9, 1_500_000_000),
        ("0.000000001", 9, 1),
        ("1.50", 1, 15),
        ("0", 6, 0),
        ("18446744073709551615", 0, U64_MAX),
        ("18446744073.709551615", 9, U64_MAX),
        ("007", 0, 7),
    ],
)
def test_reads_display_amounts_exactly(text, decimals, amount):
    assert to_base_units(text, decimals) == amount


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "1 ", " 1", "1.", ".5", "1,5", "1_000", "+1", "-1", "-0", "1e3", "0x10", "NaN", "Infinity", "1.5.2"),
        *("١٢", "１", "1\u200b", "1\x00", "1\n", "²", "1" * 41, "0." + "0" * 40),
    ],
)
def test_refuses_what_is_no_plain_number(text):
    with pytest.raises(ValidationError, match="plain decimal number"):
        to_base_units(text, 9)


def test_refuses_what_is_finer_than_the_token():
    with pytest.raises(ValidationError, match="10 decimal places, but the token has only 9"):
        to_base_units("0.0000000001", 9)


@pytest.mark.parametrize("text", ["18446744073.709551616", "9" * 40])
def test_refuses_what_does_not_fit_u64(text):
    with pytest.raises(ValidationError, match="at most 18446744073.709551615"):
        to_base_units(text, 9)


@pytest.mark.parametrize(
    ("amounts", "text"),
    [
        ((1_500_000_000, 9, 213_750_000, 6), "142.5"),
        ((3, 0, 1, 0), "0.333333333333"),
        ((3, 0, 2, 0), "0.666666666666"),  # cut, not rounded up
        ((U64_MAX, 9, 1, 6), "0.0000000000000000542101086242"),
        ((1, 9, U64_MAX, 0), "18446744073709551615000000000"),
    ],
)
def test_price_is_output_per_input_in_display_units(amounts, text):
    assert price(*amounts) == text


def test_display_has_no_trailing_zeros():
    assert [to_display(a, 6) for a in (0, 1, 1_000_000, 213_750_000)] == ["0", "0.000001", "1", "213.75"]


def test_mint_is_32_bytes_of_base58():
    assert to_mint("So11111111111111111111111111111111111111112")
    assert base58_decode("11111111111111111111111111111111") == bytes(32)
    for wrong in ("", "So1", "2" * 45, "z" * 10_000, "1" * 31):
        with pytest.raises(ValidationError):
            to_mint(wrong)


def test_a_wrong_character_is_named_with_its_place():
    with pytest.raises(ValidationError, match="character 3 is '0'"):
        base58_decode("EP0")
    with pytest.raises(ValidationError, match=r"character 1 is U\+0415"):  # a Cyrillic letter that looks like E
        base58_decode("\u0415PjF")


def test_base58_keeps_leading_zero_bytes():
    for data in (b"", b"\0", b"\0\0\x01", bytes(range(64))):
        assert base58_decode(base58_encode(data)) == data


def test_uuid7_sorts_by_time_and_has_the_marks_of_its_kind():
    early, late = uuid7(1, 2**74 - 1), uuid7(2, 0)
    assert early < late
    assert early == "00000000-0001-7fff-bfff-ffffffffffff"
    assert late == "00000000-0002-7000-8000-000000000000"
