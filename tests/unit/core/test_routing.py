"""The best quote wins, and every other is told why it lost."""

import pytest
from attrs import evolve

from bestfill.errors import NoRoute, OutOfBounds, PolicyDenied, QuoteError, RoutingError, VenueUnavailable
from bestfill.mandate import Mandate
from bestfill.quote import Quote, QuoteRequest
from bestfill.routing import Answer, Decision, compare
from bestfill.units import U64_MAX, BaseUnits, Bps, Mint

A, B = Mint("A" * 32), Mint("B" * 32)
REQUEST = QuoteRequest(input_mint=A, output_mint=B, amount_in=BaseUnits(1_000), decimals_in=9, decimals_out=6)


def answer(rank: int, out: int, impact: int = 0, **changes: object) -> Answer:
    quote = Quote(
        venue=f"v{rank}",
        input_mint=A,
        output_mint=B,
        amount_in=BaseUnits(1_000),
        amount_out=BaseUnits(out),
        price_impact_bps=Bps(impact),
    )
    return Answer(venue=f"v{rank}", rank=rank, quote=evolve(quote, **changes))


def silent(rank: int, error: Exception) -> Answer:
    return Answer(venue=f"v{rank}", rank=rank, error=error)


def winner(*answers: Answer, least: int | None = None) -> str | None:
    chosen = compare(REQUEST, answers, least).chosen
    return chosen and chosen.venue


def test_the_highest_output_wins():
    assert winner(answer(0, 99), answer(1, 101), answer(2, 100)) == "v1"


def test_a_tie_goes_to_the_lower_price_impact():
    assert winner(answer(0, 100, impact=3), answer(1, 100, impact=2)) == "v1"


def test_a_full_tie_goes_to_the_venue_configured_first():
    assert winner(answer(1, 100, impact=2), answer(0, 100, impact=2)) == "v0"


def test_a_higher_output_beats_a_lower_impact():
    assert winner(answer(0, 100, impact=0), answer(1, 101, impact=500)) == "v1"


def test_every_loser_is_told_why():
    decision = compare(
        REQUEST,
        [
            answer(0, 100),
            answer(1, 90),
            answer(2, 100, impact=5),
            answer(3, 100),
            answer(4, 10),
            silent(5, VenueUnavailable("no answer within 5000 ms")),
            answer(6, 100, amount_in=BaseUnits(999)),
        ],
        BaseUnits(50),
    )
    assert [(c.venue, c.chosen, c.reason) for c in decision.considered] == [
        ("v0", True, "pays the most"),
        ("v1", False, "pays 10 % less than v0"),
        ("v2", False, "pays the same as v0 at a higher price impact"),
        ("v3", False, "ties with v0, which is configured first"),
        ("v4", False, "pays 80 % less than the minimum"),
        ("v5", False, "no answer within 5000 ms"),
        ("v6", False, "the quote is for another amount"),
    ]


@pytest.mark.parametrize(
    ("paid", "best", "short"),
    [(99_990, 100_000, "0.01 %"), (99_991, 100_000, "9 base units"), (1, 2**64 - 1, "99.99 %"), (1, 3, "66.66 %")],
)
def test_a_shortfall_is_told_in_percent_unless_that_would_be_nothing(paid: int, best: int, short: str) -> None:
    lost = compare(REQUEST, [answer(0, best), answer(1, paid)], BaseUnits(0)).considered[1]
    assert lost.reason == f"pays {short} less than v0"


@pytest.mark.parametrize(
    "lie",
    [
        {"input_mint": B},
        {"output_mint": A},
        {"amount_in": BaseUnits(10)},
        {"amount_out": 0},
        {"amount_out": -1},
        {"amount_out": U64_MAX + 1},
        {"amount_out": 1e9},
        {"amount_out": float("nan")},
        {"amount_out": "999"},
        {"amount_out": None},
        {"amount_out": True},
        {"price_impact_bps": -1},
        {"price_impact_bps": None},
        {"fee_bps": -1},
    ],
)
def test_a_quote_that_does_not_answer_the_request_never_wins(lie):
    assert winner(answer(0, 10**9, **lie), answer(1, 1)) == "v1"


def test_the_minimum_is_met_exactly():
    assert winner(answer(0, 100), least=100) == "v0"
    assert winner(answer(0, 99), least=100) is None


def test_below_the_minimum_is_a_routing_error_that_may_pass():
    error = compare(REQUEST, [answer(0, 99), silent(1, VenueUnavailable("x"))], BaseUnits(100)).error
    assert type(error) is RoutingError
    assert error.retryable


def test_a_pair_that_nobody_trades_is_final():
    error = compare(REQUEST, [silent(0, NoRoute("x")), silent(1, NoRoute("y"))], None).error
    assert isinstance(error, NoRoute)
    assert not error.retryable


def test_silence_is_a_quote_error_that_may_pass():
    error = compare(REQUEST, [silent(0, NoRoute("x")), silent(1, VenueUnavailable("y"))], None).error
    assert type(error) is QuoteError
    assert error.retryable


IMPACT = Mandate(max_price_impact_bps=Bps(50))
NEAR = Mandate(max_deviation_bps=Bps(100))
ONLY_V0 = Mandate(allowed_venues={"v0"})


def bound(mandate: Mandate, *answers: Answer, least: int | None = None) -> Decision:
    return compare(REQUEST, answers, least, mandate)


def test_a_quote_beyond_a_bound_loses_by_its_rule():
    decision = bound(IMPACT, answer(0, 100, impact=50), answer(1, 200, impact=51))
    assert decision.chosen and decision.chosen.venue == "v0"
    assert decision.considered[1].reason == "its price impact of 0.51 % is above 0.5 % (BESTFILL_MAX_PRICE_IMPACT)"
    decision = bound(ONLY_V0, answer(0, 100), answer(1, 200))
    assert decision.chosen and decision.chosen.venue == "v0"
    assert "BESTFILL_ALLOW_VENUES" in decision.considered[1].reason


def test_a_quote_too_good_to_be_true_loses_and_harms_no_other():
    decision = bound(NEAR, answer(0, 10_000), answer(1, 10_050), answer(2, 90_000), answer(3, 10_010))
    assert decision.chosen and decision.chosen.venue == "v1"
    assert "more than what the other venues offer (BESTFILL_MAX_DEVIATION)" in decision.considered[2].reason


def test_what_is_not_usable_itself_is_no_measure_of_a_price():
    mandate = Mandate(max_deviation_bps=Bps(100), max_price_impact_bps=Bps(50), allowed_venues={"v0", "v1", "v2"})
    liars = [answer(1, 90_000, impact=51), answer(2, 90_000, amount_in=BaseUnits(1)), answer(3, 90_000)]
    lone = bound(mandate, answer(0, 10_000), *liars)
    assert lone.chosen is None
    assert "no other quote" in lone.considered[0].reason


def test_a_quote_below_the_users_minimum_is_still_a_measure():
    decision = bound(NEAR, answer(0, 10_000), answer(1, 9_990), least=9_995)
    assert decision.chosen and decision.chosen.venue == "v0"
    assert "minimum" in decision.considered[1].reason


@pytest.mark.parametrize(
    ("mandate", "rule", "answers"),
    [
        (IMPACT, "BESTFILL_MAX_PRICE_IMPACT", [answer(0, 100, impact=51), silent(1, VenueUnavailable("x"))]),
        (NEAR, "BESTFILL_MAX_DEVIATION", [answer(0, 100)]),
        (NEAR, "BESTFILL_MAX_DEVIATION", [answer(0, 100), answer(1, 200)]),
    ],
)
def test_a_market_beyond_the_bounds_is_a_denial_that_may_pass(mandate: Mandate, rule: str, answers: list[Answer]):
    decision = bound(mandate, *answers)
    assert decision.chosen is None
    assert isinstance(decision.error, OutOfBounds)
    assert (decision.error.rule, decision.error.retryable, decision.reason) == (rule, True, decision.error.reason)


def test_of_several_denials_that_of_the_quote_that_would_have_won_is_told():
    both = Mandate(max_deviation_bps=Bps(100), max_price_impact_bps=Bps(50))
    error = bound(both, answer(0, 300, impact=51), answer(1, 100)).error
    assert isinstance(error, OutOfBounds) and error.rule == "BESTFILL_MAX_PRICE_IMPACT"
    error = bound(both, answer(0, 300, impact=51), answer(1, 400)).error
    assert isinstance(error, OutOfBounds) and error.rule == "BESTFILL_MAX_DEVIATION"


def test_no_venue_allowed_is_final():
    error = bound(Mandate(allowed_venues={"else"}), answer(0, 100), answer(1, 200)).error
    assert type(error) is PolicyDenied
    assert (error.rule, error.retryable) == ("BESTFILL_ALLOW_VENUES", False)


def test_a_venue_that_is_not_allowed_is_as_good_as_not_there():
    down = bound(ONLY_V0, silent(0, VenueUnavailable("x")), answer(1, 200)).error
    assert type(down) is QuoteError
    no_route = bound(ONLY_V0, silent(0, NoRoute("x")), answer(1, 200)).error
    assert isinstance(no_route, NoRoute)


def test_below_the_minimum_no_denial_is_to_blame():
    error = bound(IMPACT, answer(0, 99, impact=51), answer(1, 99), least=100).error
    assert type(error) is RoutingError
