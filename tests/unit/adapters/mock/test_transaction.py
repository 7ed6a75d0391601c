"""The mock chain believes no bytes that it has not understood whole."""

from collections.abc import Callable

import pytest
from attrs import evolve

from bestfill.errors import ExecutionError
from bestfill.quote import SwapPlan
from bestfill.units import BaseUnits
from bestfill_adapters.mock.transaction import decode, encode, keeps_its_bounds, pays
from tests.unit.adapters.mock.chain import plan, split


@pytest.mark.parametrize("route", [plan(), split(plan())], ids=["one leg", "two legs"])
def test_a_transaction_is_read_back_as_it_was_written(route: SwapPlan):
    assert decode(encode(route, "hash")) == (route, "hash")
    assert pays(route) == 213_000_000
    assert encode(route, "hash") == encode(route, "hash")


def test_order_attempt_blockhash_and_amounts_all_change_the_bytes():
    plans = [plan(), plan(2), plan(attempt=2), plan(quoted=213_000_001), plan(min_out=212_000_001), split(plan())]
    assert len({encode(p, h) for p in plans for h in ("hash", "other")}) == 12


@pytest.mark.parametrize(
    "bend",
    [
        lambda p: evolve(p, route=()),
        lambda p: evolve(p, output_mint=p.input_mint, route=()),
        lambda p: evolve(p, output_mint=p.input_mint, route=(evolve(p.route[0], output_mint=p.input_mint),)),
        lambda p: evolve(p, amount_in=BaseUnits(p.amount_in + 1)),
        lambda p: evolve(p, amount_in=BaseUnits(2 * p.amount_in), route=(p.route[0],)),
        lambda p: evolve(p, route=(p.route[0], p.route[0])),
        lambda p: evolve(p, route=(evolve(p.route[0], output_mint="x"),)),
        lambda p: evolve(p, route=(evolve(p.route[0], input_mint="x"),)),
        lambda p: evolve(p, route=(evolve(p.route[0], amount_in=-1), evolve(p.route[0], amount_in=p.amount_in + 1))),
        lambda p: evolve(p, min_out=BaseUnits(0)),
        lambda p: evolve(p, min_out=BaseUnits(2**64)),
        lambda p: evolve(p, route=(evolve(p.route[0], payload=b""),)),
        lambda p: evolve(p, route=(evolve(p.route[0], payload=b"-5"),)),
        lambda p: evolve(p, route=(evolve(p.route[0], payload=b"1e9"),)),
        lambda p: evolve(p, route=(evolve(p.route[0], payload="٣".encode()),)),
        lambda p: evolve(p, route=(evolve(p.route[0], payload=b"9" * 5_000),)),
        lambda p: evolve(p, route=(evolve(p.route[0], payload=b"%d" % 2**64),)),
    ],
)
def test_a_plan_that_is_not_one_trade_is_refused(bend: Callable[[SwapPlan], SwapPlan]):
    with pytest.raises(ExecutionError):
        encode(bend(plan()), "hash")


WHOLE = encode(plan(), "hash")


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"\0",
        b"null",
        b"{}",
        b"[" * 65_000,
        b'{"plan":' + b"[" * 60_000,
        WHOLE[:-1],
        WHOLE + b" ",
        WHOLE + WHOLE,
        WHOLE.replace(b'"attempt":1', b'"attempt":1.0'),
        WHOLE.replace(b'"attempt":1', b'"attempt":"1"'),
        WHOLE.replace(b'"attempt":1', b'"attempt":1,"more":1'),
        WHOLE.replace(b'"attempt":1', b'"attempt":1,"attempt":1'),
        WHOLE.replace(b'"attempt":1', b'"attempt":1,"more":' + b"[" * 60_000),
        WHOLE.replace(b'"amount_in":1500000000', b'"amount_in":' + b"9" * 60_000),
        WHOLE.replace(b'"amount_in":1500000000', b'"amount_in":1e400'),
        WHOLE.replace(b'"amount_in":1500000000', b'"amount_in":NaN'),
        WHOLE.replace(b'"hash"', b'"\xff"'),
        WHOLE.replace(b'"hash"', b'"\\ud800"'),
        WHOLE.replace(b'"min_out":212000000', b'"min_out":0'),
    ],
    ids=lambda hostile: repr(hostile[-40:]),
)
def test_hostile_bytes_are_refused(hostile: bytes):
    assert hostile != WHOLE
    with pytest.raises(ExecutionError):
        decode(hostile)


def test_what_is_too_long_is_neither_written_nor_read():
    def endless(chars: int) -> SwapPlan:
        return evolve(plan(), order_id="x" * chars)

    data = encode(endless(65_000), "hash")
    assert decode(data)
    with pytest.raises(ExecutionError, match="too long"):
        encode(endless(66_000), "hash")
    with pytest.raises(ExecutionError, match="too long"):
        decode(data.replace(b"xxx", b"xxx" * 2, 400))


def test_a_split_keeps_its_bounds_only_if_each_leg_does():
    whole = split(plan())
    one, other = whole.route
    assert keeps_its_bounds(whole)
    assert not keeps_its_bounds(evolve(whole, min_out=BaseUnits(213_000_001)))
    short = evolve(one, min_out=BaseUnits(int(one.payload) + 1))
    assert not keeps_its_bounds(evolve(whole, route=(short, other)))
