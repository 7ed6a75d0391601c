"""What the mock market pays."""

import math
from fractions import Fraction

import pytest

from bestfill.errors import NoRoute
from bestfill.tokens import MAINNET, TokenList
from bestfill_adapters.mock.market import PRICES, MockMarket
from tests.unit.adapters.mock.chain import request


def test_every_known_token_has_a_price():
    assert {token.symbol for token in MAINNET} == set(PRICES)


def test_a_token_without_a_price_is_not_traded():
    market = MockMarket("seed", TokenList([MAINNET.resolve("SOL")]))
    with pytest.raises(NoRoute, match="does not trade"):
        market.offer(request(), 1, usual_winner=True)


def test_a_token_is_not_traded_for_itself():
    with pytest.raises(NoRoute, match="does not trade"):
        MockMarket("seed").offer(request("SOL", "SOL"), 1, usual_winner=True)


def test_the_output_is_the_floor_of_price_spread_and_impact():
    market = MockMarket("seed")
    spread = market.spread_ppm(request(), 1, usual_winner=True)
    # 1.5 SOL are 213.75 USD, sold to a pool that is 10,000,000 USD deep.
    exact = 213_750_000 * (1 + Fraction(spread, 10**6) - Fraction(21_375, 100 * 10**7 + 21_375))
    assert market.offer(request(), 1, usual_winner=True).amount_out == math.floor(exact)


def test_decimals_are_the_tokens_own():
    out = MockMarket("seed").offer(request("BONK", "mSOL", 10**12), 1, usual_winner=True).amount_out
    assert 0.93 < out / (10**12 / 10**5 * 0.0000245 / 185.25 * 10**9) < 1.02


def test_larger_trades_have_a_larger_price_impact():
    market = MockMarket("seed")
    impacts = [
        market.offer(request("USDC", "SOL", usd * 10**6), 1, usual_winner=True).price_impact_bps
        for usd in (100, 10_000, 1_000_000, 10_000_000)
    ]
    assert impacts == [0, 9, 909, 5000]


def test_more_than_the_pool_is_deep_is_refused():
    market = MockMarket("seed")
    assert market.offer(request("USDC", "SOL", 10**13), 1, usual_winner=False).amount_out > 0
    with pytest.raises(NoRoute, match="too small for so much USDC"):
        market.offer(request("USDC", "SOL", 10**13 + 1), 1, usual_winner=False)


def test_an_output_above_u64_is_refused():
    market = MockMarket("seed", prices={"SOL": 142_500_000_000, "BONK": 1})
    assert market.offer(request("SOL", "BONK", 10**9), 1, usual_winner=True).amount_out < 2**64
    with pytest.raises(NoRoute, match="does not hold so much BONK"):
        market.offer(request("SOL", "BONK", 10**13), 1, usual_winner=True)


def test_too_little_to_buy_anything_is_refused():
    with pytest.raises(NoRoute, match="too small to buy any mSOL"):
        MockMarket("seed").offer(request("BONK", "mSOL", 0), 1, usual_winner=True)
    with pytest.raises(NoRoute, match="too small to buy any USDC"):
        MockMarket("seed").offer(request("SOL", "USDC", 1), 1, usual_winner=True)
