"""A venue quotes the best of its pools, each from one reading, and refuses rather than guess."""

import re

import pytest
from attrs import evolve

from bestfill.errors import BestfillError, ExecutionError, NoRoute, SlippageExceeded, VenueUnavailable
from bestfill.units import BaseUnits, Mint
from bestfill_adapters.solana.account import CLOCK, Refused
from bestfill_adapters.solana.legs import decode_leg
from bestfill_adapters.solana.rpc import ACCOUNTS_MAX
from bestfill_adapters.solana.venue import ROUNDS, STALE_S
from tests.unit.adapters.solana.golden import MARKETS, SYSVARS, Golden, clock_data
from tests.unit.adapters.solana.nodes import OWNER, account, address
from tests.unit.adapters.solana.recorded import recording
from tests.unit.adapters.solana.shelf import EUR, NOW_MS, PROGRAM, USD, Stall, pool_data


async def refused(stall: Stall) -> BestfillError:
    with pytest.raises(BestfillError) as caught:
        await stall.venue.quote(stall.request())
    return caught.value


@pytest.mark.parametrize("name", MARKETS)
async def test_recorded_swaps_come_out_to_the_unit_through_the_whole_venue(name: str):
    """Each is read anew from a node, at the time of its recording; what the program refused is not quoted."""
    found = recording(name)
    for pool in found.pools:
        cases = [case for case in found.cases if case.pool == pool]
        golden = await Golden(name, pool).start()
        for case in cases[:: max(1, len(cases) // 12)]:
            golden.at(case.now)
            request = golden.request(case.amount_in or 1, forward=case.forward)
            if case.amount_out and case.amount_in:
                quote = await golden.venue.quote(request)
                assert (quote.amount_out, quote.venue) == (case.amount_out, name)
            elif case.amount_in:
                with pytest.raises(Refused):
                    await golden.venue.quote(request)


async def test_the_pool_that_pays_most_is_taken_wherever_it_stands():
    for order in ([5, 9, 7], [9, 5, 7], [5, 7, 9]):
        stall = await Stall([pool_data(pays) for pays in order]).start()
        quote = await stall.venue.quote(stall.request())
        assert (quote.amount_out, decode_leg(quote.payload).pool) == (9, stall.pools[order.index(9)])


async def test_of_two_that_pay_the_same_the_one_with_less_impact_is_taken():
    stall = await Stall([pool_data(9, impact=3), pool_data(9, impact=2)]).start()
    quote = await stall.venue.quote(stall.request())
    assert (quote.price_impact_bps, decode_leg(quote.payload).pool) == (2, stall.pools[1])


async def test_a_pool_that_fails_does_not_fail_the_others():
    stall = await Stall([pool_data(9), pool_data(), pool_data(7), pool_data(8)]).start()
    del stall.accounts[stall.pools[0]]
    stall.set(3, b"short")
    assert (await stall.venue.quote(stall.request())).amount_out == 7


async def test_if_none_can_be_quoted_the_first_one_s_reason_is_told():
    stall = await Stall([pool_data(), pool_data()]).start()
    error = await refused(stall)
    assert isinstance(error, Refused) and error.name == "zero_out"
    assert error.reason == "the amount is too small to give anything"


async def test_a_pool_that_cannot_be_named_in_a_leg_is_no_offer():
    """What does not fit a payload could not be built either."""
    stall = await Stall([pool_data(9), pool_data(5)]).start()
    good = type(stall.venue.market).terms
    stall.venue.market.terms = lambda pool, *a, **k: (
        ("x" * 65,) if pool == stall.pools[0] else good(stall.venue.market, pool, *a, **k)
    )
    assert (await stall.venue.quote(stall.request())).amount_out == 5


async def test_all_that_a_quote_is_made_from_is_of_the_last_reading():
    stall = await Stall([pool_data(9, needs=3)]).start()
    for readings in (2, 1, 1):  # what was needed once is read at once
        stall.node.asked.clear()
        quote = await stall.venue.quote(stall.request())
        assert len(stall.node.asked) == readings
        assert decode_leg(quote.payload).terms == (stall.pools[0], str(stall.slot))
    # It needs others now.
    stall.set(0, pool_data(8, needs=2, first=7))
    assert (await stall.venue.quote(stall.request())).amount_out == 8


async def test_a_pool_that_moves_on_between_readings_is_read_again_but_not_for_ever():
    stall = await Stall([pool_data(9)]).start()
    readings = 0

    def moves(addresses, _):
        nonlocal readings
        readings += 1
        stall.set(0, pool_data(9, needs=1, first=min(readings, moves_until)))
        return stall._read(addresses, _)

    stall.node.answers["getMultipleAccounts"] = moves
    moves_until = ROUNDS - 1
    assert (await stall.venue.quote(stall.request())).amount_out == 9
    assert readings == ROUNDS
    readings, moves_until = 0, 1_000
    stall.venue._needed.clear()
    assert "changes faster than it can be read" in (await refused(stall)).reason
    assert readings == ROUNDS


async def test_as_many_accounts_as_can_be_read_at_once_are_enough_and_more_are_refused():
    most = ACCOUNTS_MAX - 2  # besides the pool and the clock
    stall = await Stall([pool_data(9, needs=most)]).start()
    assert (await stall.venue.quote(stall.request())).amount_out == 9
    assert len(stall.node.asked[-1][1][0]) == ACCOUNTS_MAX
    stall.set(0, pool_data(9, needs=most + 1))
    error = await refused(stall)
    assert isinstance(error, Refused) and error.name == "too_many_accounts"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (None, "does not tell the chain's time"),
        (account(clock_data(NOW_MS // 1_000), OWNER), "belongs to another program"),
        (account(clock_data(NOW_MS // 1_000)[:-1], SYSVARS), "has 39 bytes"),
        (account(clock_data(NOW_MS // 1_000 - STALE_S - 1), SYSVARS), "far behind the chain"),
        (account(clock_data(-(2**63)), SYSVARS), "far behind the chain"),
        (account(clock_data(NOW_MS // 1_000 + STALE_S + 1), SYSVARS), "far ahead"),
        (account(clock_data(2**63 - 1), SYSVARS), "far ahead"),
    ],
)
async def test_a_node_without_the_right_time_is_not_believed(told: object, reason: str):
    stall = await Stall([pool_data(9)]).start()
    stall.accounts[CLOCK] = told
    error = await refused(stall)
    assert isinstance(error, VenueUnavailable) and reason in error.reason


@pytest.mark.parametrize("apart_s", [-STALE_S, STALE_S])
async def test_a_little_apart_are_all_clocks(apart_s: int):
    stall = await Stall([pool_data(9)]).start()
    stall.accounts[CLOCK] = account(clock_data(NOW_MS // 1_000 + apart_s), SYSVARS)
    assert (await stall.venue.quote(stall.request())).amount_out == 9


async def test_a_chain_that_cannot_be_asked_is_a_venue_that_is_unavailable():
    stall = await Stall([pool_data(9)]).start()
    stall.node.answers["getMultipleAccounts"] = b"<html>"
    error = await refused(stall)
    assert isinstance(error, VenueUnavailable) and "HTML" in error.reason


async def test_a_pair_or_decimals_that_are_not_traded_are_no_route():
    stall = await Stall([pool_data(9)]).start()
    for request in (
        stall.request(output_mint=Mint(address(5)), decimals_out=8),
        stall.request(sold=USD, bought=USD),
        stall.request(decimals_in=9),
        stall.request(decimals_out=0),
    ):
        with pytest.raises(NoRoute):
            await stall.venue.quote(request)
    assert stall.node.asked == []


async def test_the_other_way_round_is_another_side():
    stall = await Stall([pool_data(9)]).start()
    quote = await stall.venue.quote(stall.request(EUR, USD))
    assert decode_leg(quote.payload).forward is False


async def test_a_leg_is_made_only_of_its_own_quotes_and_not_below_the_bound():
    stall = await Stall([pool_data(9)]).start()
    quote = await stall.venue.quote(stall.request())
    leg = await stall.venue.leg(quote, BaseUnits(9))
    assert (leg.payload, leg.min_out, leg.amount_in) == (quote.payload, 9, quote.amount_in)
    with pytest.raises(SlippageExceeded, match=re.escape("9 base units is below the bound of 10")):
        await stall.venue.leg(quote, BaseUnits(10))
    other = quote.payload.replace(b"shelf", b"tower")
    for wrong in (evolve(quote, venue="tower"), evolve(quote, payload=other), evolve(quote, payload=b"{}")):
        with pytest.raises(ExecutionError):
            await stall.venue.leg(wrong, BaseUnits(9))


async def test_a_pool_whose_account_is_another_s_by_now_is_not_quoted():
    golden = await Golden("raydium_cpmm", "std_25bps_9_6").start()
    request, (pool,) = golden.request(10**9), golden.addresses
    golden.accounts[pool] = evolve(recording("raydium_cpmm").accounts[pool], owner=PROGRAM)
    with pytest.raises(Refused) as caught:
        await golden.venue.quote(request)
    assert caught.value.name == "wrong_owner"
