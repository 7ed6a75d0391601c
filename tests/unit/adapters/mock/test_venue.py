"""How the mock venues answer."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import evolve

from bestfill.errors import ExecutionError, NoRoute, SlippageExceeded, VenueUnavailable
from bestfill.quote import Quote
from bestfill.testing.clock import ManualClock
from bestfill.units import BaseUnits, Mint
from tests.unit.adapters.mock.chain import both, request

ROOT = Path(__file__).parents[4]


async def ask(times: int, seed: str = "seed") -> list[tuple[Quote, ...]]:
    venues = both(seed)
    return [tuple(await asyncio.gather(*(venue.quote(request()) for venue in venues))) for _ in range(times)]


async def test_clients_see_the_venues_own_names_and_fees():
    assert [(quote.venue, quote.fee_bps) for quote in (await ask(1))[0]] == [("raydium", 25), ("meteora", 20)]


async def test_a_seed_repeats_every_quote_and_another_does_not():
    assert await ask(10) == await ask(10)
    assert await ask(10) != await ask(10, seed="other")
    assert len({quote.amount_out for quotes in await ask(10) for quote in quotes}) == 20


def test_a_seed_repeats_in_another_process():
    program = (
        "import asyncio; from tests.unit.adapters.mock.test_venue import ask;"
        "print([[q.amount_out for q in quotes] for quotes in asyncio.run(ask(5))])"
    )
    command = [sys.executable, "-c", program]
    there = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert there.strip() == str([[q.amount_out for q in quotes] for quotes in asyncio.run(ask(5))])


async def test_what_one_pair_is_asked_does_not_move_another():
    raydium, _ = both()
    for _ in range(3):
        await raydium.quote(request("JUP", "USDC"))
    assert await raydium.quote(request()) == (await ask(1))[0][0]


async def test_an_unknown_token_leaves_no_trace():
    raydium, _ = both()
    for _ in range(3):
        with pytest.raises(NoRoute):
            await raydium.quote(evolve(request(), output_mint=Mint("11111111111111111111111111111111")))
    assert not raydium._asks  # what is remembered is bounded by the number of known pairs
    assert await raydium.quote(request()) == (await ask(1))[0][0]


async def test_both_stay_in_step_when_one_fails_or_is_given_up():
    expected, clock = await ask(20), ManualClock()
    venues = both(clock=clock, quote_ms=(1_000, 1_000), failure_rate=500_000)
    seen = 0
    for quotes in expected:
        asked = [asyncio.create_task(venue.quote(request())) for venue in venues]
        await asyncio.sleep(0)
        if quotes is expected[0]:
            asked[0].cancel()
        clock.advance(1_000)
        for answer, quote in zip(await asyncio.gather(*asked, return_exceptions=True), quotes, strict=True):
            seen += answer == quote
            assert answer == quote or isinstance(answer, VenueUnavailable | asyncio.CancelledError)
    assert 10 <= seen <= 30


async def test_zero_latency_answers_without_giving_way():
    raydium, _ = both()
    with pytest.raises(StopIteration):
        raydium.quote(request()).__await__().send(None)  # pyright: ignore[reportAttributeAccessIssue]


async def test_latency_is_drawn_from_the_range():
    clock = ManualClock(auto=True)
    raydium, _ = both(clock=clock, quote_ms=(2_000, 3_000))
    waits = []
    for _ in range(100):
        before = clock.now()
        await raydium.quote(request())
        waits.append(clock.now() - before)
    assert 2_000 <= min(waits) < 2_100
    assert 2_900 < max(waits) <= 3_000


@pytest.mark.parametrize(("rate", "least", "most"), [(0, 0, 0), (300_000, 40, 80), (1_000_000, 200, 200)])
async def test_failures_come_as_often_as_set(rate: int, least: int, most: int):
    raydium, _ = both(failure_rate=rate)
    answers = await asyncio.gather(*(raydium.quote(request()) for _ in range(200)), return_exceptions=True)
    assert least <= sum(isinstance(answer, VenueUnavailable) for answer in answers) <= most


async def test_a_leg_is_the_quoted_trade_with_its_bound():
    raydium, _ = both()
    quote = await raydium.quote(request())
    leg = await raydium.leg(quote, BaseUnits(7))
    assert (leg.venue, leg.amount_in, leg.min_out) == ("raydium", quote.amount_in, 7)
    assert int(leg.payload) == quote.amount_out


async def test_a_leg_from_before_a_restart_is_the_same():
    quote = (await ask(1))[0][0]
    assert await both("another")[0].leg(quote, BaseUnits(7)) == await both()[0].leg(quote, BaseUnits(7))


async def test_no_leg_of_anothers_quote_or_below_the_bound():
    raydium, meteora = both()
    quote = await raydium.quote(request())
    with pytest.raises(ExecutionError, match="of raydium, not of meteora"):
        await meteora.leg(quote, BaseUnits(1))
    with pytest.raises(SlippageExceeded):
        await raydium.leg(quote, BaseUnits(quote.amount_out + 1))
