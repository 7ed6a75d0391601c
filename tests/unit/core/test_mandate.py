"""The operator's bounds, each by itself, and each denial with its rule."""

import pytest

from bestfill import mandate as rules
from bestfill.errors import ErrorCode, PolicyDenied
from bestfill.mandate import UNBOUND, Mandate, day_of
from bestfill.testing.samples import SOL, USDC
from bestfill.tokens import MAINNET
from bestfill.units import Millis

BONK = MAINNET.resolve("BONK")


def order_denial(mandate: Mandate, amount: int = 10**9) -> PolicyDenied | None:
    return mandate.order_denial(SOL.mint, USDC.mint, amount, SOL.decimals)


def test_no_bounds_forbid_nothing():
    assert order_denial(UNBOUND, 2**64 - 1) is None
    assert UNBOUND.venue_denial("x") is UNBOUND.impact_denial(10**9) is UNBOUND.deviation_denial(1, []) is None
    assert UNBOUND.daily(SOL.mint) is None
    assert not UNBOUND.bounds_quotes


@pytest.mark.parametrize(
    ("mandate", "rule", "says"),
    [
        (Mandate(denied_tokens={SOL.mint}), rules.DENY_TOKENS, f"{SOL.mint} may not be traded"),
        (Mandate(denied_tokens={USDC.mint}), rules.DENY_TOKENS, f"{USDC.mint} may not be traded"),
        (Mandate(allowed_tokens={SOL.mint}), rules.ALLOW_TOKENS, f"{USDC.mint} is not among the tokens"),
        (Mandate(max_notional={SOL.mint: 999_999_999}), rules.MAX_NOTIONAL, f"at most 0.999999999 of {SOL.mint}"),
        (Mandate(max_notional={USDC.mint: 10**18}), rules.MAX_NOTIONAL, f"{SOL.mint} may not be sold"),
        (Mandate(max_notional_day={USDC.mint: 1}), rules.MAX_NOTIONAL_DAY, f"{SOL.mint} may not be sold"),
    ],
)
def test_an_order_beyond_a_bound_is_denied_by_its_rule(mandate: Mandate, rule: str, says: str):
    denied = order_denial(mandate)
    assert denied is not None
    assert (denied.rule, denied.code, denied.retryable) == (rule, ErrorCode.POLICY_DENIED, False)
    assert says in denied.reason and rule in denied.reason


def test_an_order_at_its_bounds_is_not_denied():
    most = {SOL.mint: 10**9}
    tokens = {SOL.mint, USDC.mint}
    bounds = Mandate(max_notional=most, max_notional_day=most, allowed_tokens=tokens, denied_tokens={BONK.mint})
    assert order_denial(bounds) is None
    assert bounds.daily(SOL.mint) == 10**9
    assert bounds.daily(BONK.mint) == 0
    assert "at most 1 of" in bounds.day_denial(SOL.mint, SOL.decimals).reason


def test_a_venue_and_an_impact_are_held_against_their_bounds():
    bounds = Mandate(allowed_venues={"raydium"}, max_price_impact_bps=50)
    assert bounds.bounds_quotes
    assert bounds.venue_denial("raydium") is bounds.impact_denial(50) is None
    venue, impact = bounds.venue_denial("orca"), bounds.impact_denial(51)
    assert venue and (venue.rule, venue.retryable) == (rules.ALLOW_VENUES, False)
    assert impact and (impact.rule, impact.retryable) == (rules.MAX_PRICE_IMPACT, True)
    assert "0.51 % is above 0.5 %" in impact.reason


@pytest.mark.parametrize(
    ("paid", "others", "denied"),
    [
        (10_100, [10_000], None),
        (10_101, [10_000], "more"),
        (9_900, [10_000], None),
        (9_899, [10_000], "less"),
        (10_000, [1, 10_000, 20_000], None),  # one that lies does not move the median
        (10_100, [10_000, 10_001], None),
        (10_102, [10_000, 10_001], "more"),  # 1 % above 10,000.5 is 10,100.505
        (1, [2**64 - 1], "less"),
        (2**64 - 1, [1, 1], "more"),
        (5, [], "no other quote"),
    ],
)
def test_a_price_is_held_against_the_median_of_the_others_both_ways(paid: int, others: list[int], denied: str | None):
    error = Mandate(max_deviation_bps=100).deviation_denial(paid, others)
    if denied is None:
        assert error is None
    else:
        assert error and denied in error.reason
        assert (error.rule, error.retryable) == (rules.MAX_DEVIATION, True)


def test_no_deviation_at_all_may_be_asked_for():
    assert Mandate(max_deviation_bps=0).deviation_denial(7, [7]) is None
    assert Mandate(max_deviation_bps=0).deviation_denial(8, [7]) is not None


def test_a_day_ends_at_midnight_in_utc():
    assert day_of(Millis(86_399_999)) == 0
    assert day_of(Millis(86_400_000)) == 1
