"""A leg's payload has one form, and nothing else is read as one."""

import pytest

from bestfill.errors import ExecutionError
from bestfill_adapters.solana.legs import LegTerms, decode_leg, encode_leg

TERMS = LegTerms(market="raydium_cpmm", pool="Pool1", forward=False, terms=("one", "two"))
WHOLE = encode_leg(TERMS)


def test_terms_are_read_back_as_they_were_written():
    assert decode_leg(WHOLE) == TERMS
    assert WHOLE.startswith(b'{"version":1,')


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"[" * 4_000,
        b'{"version":' + b"[" * 4_000,
        b"\xff",
        WHOLE[:-1],
        WHOLE + b" ",
        WHOLE.replace(b'"version":1', b'"version":2'),
        WHOLE.replace(b'"version":1', b'"version":true'),
        WHOLE.replace(b'"version":1,', b""),
        WHOLE.replace(b'"version":1', b'"version":1,"more":1'),
        WHOLE.replace(b'"forward":false', b'"forward":0'),
        WHOLE.replace(b'"forward":false', b'"forward":true,"forward":false'),
        WHOLE.replace(b'"Pool1"', b"7"),
        WHOLE.replace(b'"Pool1"', b'""'),
        WHOLE.replace(b'"Pool1"', b'"Pool\\n"'),
        WHOLE.replace(b'"Pool1"', b'"Pool\\ud800"'),
        WHOLE.replace(b'"Pool1"', '"Poöl"'.encode()),
        WHOLE.replace(b'"Pool1"', b'"' + b"x" * 65 + b'"'),
        WHOLE.replace(b'"one"', b",".join([b'"one"'] * 70)),
        WHOLE.replace(b'"one"', b'"' + b"x" * 4_000 + b'"'),
    ],
    ids=lambda hostile: repr(hostile[-40:]),
)
def test_hostile_payloads_are_refused(hostile: bytes):
    assert hostile != WHOLE
    with pytest.raises(ExecutionError, match="payload"):
        decode_leg(hostile)


def test_nothing_is_written_that_would_not_be_read():
    for bad in (
        LegTerms(market="", pool="p", forward=True, terms=()),
        LegTerms(market="m", pool="p", forward=True, terms=("x" * 64,) * 64),
        LegTerms(market="m", pool="p", forward=True, terms=("x",) * 65),
    ):
        with pytest.raises(ExecutionError, match="payload"):
            encode_leg(bad)
