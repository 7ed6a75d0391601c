"""The mock venues differ by 2 to 5 % whatever is asked, either can win, and their means are as founded."""

import asyncio
from fractions import Fraction
from itertools import accumulate

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bestfill.errors import NoRoute
from bestfill.quote import QuoteRequest
from bestfill.tokens import MAINNET
from bestfill_adapters.mock.market import PRICES, MockMarket
from tests.unit.adapters.mock.chain import both, request

SYMBOLS = sorted(PRICES)
PAIRS = st.tuples(st.sampled_from(SYMBOLS), st.sampled_from(SYMBOLS)).filter(lambda pair: pair[0] != pair[1])
AMOUNTS = st.integers(1, 64).flatmap(lambda bits: st.integers(1, 2**bits - 1))
"""Of every size."""


def base_out(asked: QuoteRequest) -> Fraction:
    """Price a request exactly, without spread or impact."""
    sold, bought = MAINNET.get(asked.input_mint), MAINNET.get(asked.output_mint)
    assert sold is not None and bought is not None
    usd = Fraction(asked.amount_in * PRICES[sold.symbol], 10**sold.decimals)
    return usd * 10**bought.decimals / PRICES[bought.symbol]


@settings(deadline=None)
@given(seed=st.text(max_size=8), pair=PAIRS, ask=st.integers(1, 10**9), amount_in=AMOUNTS)
def test_the_two_venues_differ_by_2_to_5_percent_of_base(seed: str, pair: tuple[str, str], ask: int, amount_in: int):
    asked, market = request(*pair, amount_in), MockMarket(seed)
    try:
        outs = [market.offer(asked, ask, usual_winner=usual).amount_out for usual in (True, False)]
    except NoRoute:
        assume(False)
        raise
    gap, base = abs(outs[0] - outs[1]), base_out(asked)
    assert base * 2 / 100 - 1 <= gap <= base * 5 / 100 + 1  # each output is cut to a whole unit


@settings(deadline=None)
@given(seed=st.text(max_size=8), pair=PAIRS, times=st.integers(1, 20))
def test_asked_at_once_the_venues_make_the_same_draw(seed: str, pair: tuple[str, str], times: int):
    asked = request(*pair, amount_in=10**11)

    async def ask() -> None:
        venues = both(seed)
        for _ in range(times):
            one, other = await asyncio.gather(*(venue.quote(asked) for venue in venues))
            assert Fraction(2, 100) <= abs(one.amount_out - other.amount_out) / base_out(asked) <= Fraction(5, 100)

    asyncio.run(ask())


@settings(deadline=None)
@given(pair=PAIRS, amount=AMOUNTS, steps=st.lists(AMOUNTS, min_size=1), ask=st.integers(1, 100))
@example(("SOL", "USDC"), 10_000_000_000, [1] * 1_000, 1)
def test_at_one_ask_selling_more_never_pays_less(pair: tuple[str, str], amount: int, steps: list[int], ask: int):
    paid = []
    for amount_in in accumulate([amount, *steps]):
        try:
            offer = MockMarket("seed").offer(request(*pair, amount_in), ask, usual_winner=False)
        except NoRoute:
            continue
        assert 0 < offer.amount_out < 2**64
        assert 0 <= offer.price_impact_bps <= 5_000
        paid.append(offer.amount_out)
    assert paid == sorted(paid)


def test_the_means_over_many_asks_are_as_founded_and_either_can_win():
    asked, market, asks = request(), MockMarket("seed"), 20_000
    raydium = [market.spread_ppm(asked, ask, usual_winner=True) for ask in range(asks)]
    meteora = [market.spread_ppm(asked, ask, usual_winner=False) for ask in range(asks)]
    # One standard error of either mean is about 100 ppm.
    assert abs(sum(raydium) / asks - 5_000) < 500
    assert abs(sum(meteora) / asks + 20_000) < 500
    wins = sum(one > other for one, other in zip(raydium, meteora, strict=True))
    assert abs(wins / asks - 6 / 7) < 0.02
