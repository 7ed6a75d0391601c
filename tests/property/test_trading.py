"""What routing and slippage promise for any numbers."""

from fractions import Fraction
from statistics import median

from hypothesis import given
from hypothesis import strategies as st

from bestfill.errors import PolicyDenied, VenueUnavailable
from bestfill.mandate import Mandate
from bestfill.quote import Quote, QuoteRequest
from bestfill.routing import Answer, compare
from bestfill.slippage import min_out
from bestfill.units import U64_MAX, Mint

A, B = Mint("A" * 32), Mint("B" * 32)
REQUEST = QuoteRequest(input_mint=A, output_mint=B, amount_in=1_000, decimals_in=9, decimals_out=6)


@given(
    quoted=st.integers(1, U64_MAX),
    slippage_bps=st.integers(0, 10_000),
    least=st.none() | st.integers(0, U64_MAX),
)
def test_the_bound_never_exceeds_the_quote_nor_undercuts_the_user(quoted, slippage_bps, least):
    if quoted < (least or 0):
        return
    bound = min_out(quoted, slippage_bps, least)
    assert 1 <= bound <= quoted
    assert bound >= (least or 0)
    assert bound * 10_000 > quoted * (10_000 - slippage_bps) - 10_000  # at most one unit is floored away


@st.composite
def answers(draw):
    few = st.integers(-2, 5)  # so that ties, and quotes that are no quotes, are common
    said = []
    for rank in range(draw(st.integers(0, 6))):
        if draw(st.booleans()) and draw(st.booleans()):
            said.append(Answer(venue=f"v{rank}", rank=rank, error=VenueUnavailable("down")))
            continue
        quote = Quote(
            venue=f"v{rank}",
            input_mint=A,
            output_mint=draw(st.sampled_from([B, B, B, A])),
            amount_in=draw(st.sampled_from([1_000, 1_000, 1_000, 999])),
            amount_out=draw(few | st.integers(-1, U64_MAX + 1)),
            price_impact_bps=draw(few),
        )
        said.append(Answer(venue=f"v{rank}", rank=rank, quote=quote))
    return said


@given(answers(), st.none() | st.integers(0, 6), st.randoms())
def test_routing_does_not_depend_on_the_order_of_the_answers(said, least, random):
    shuffled = random.sample(said, len(said))
    one, other = compare(REQUEST, said, least), compare(REQUEST, shuffled, least)
    assert (one.chosen, one.considered, one.reason) == (other.chosen, other.considered, other.reason)


@given(answers(), st.none() | st.integers(0, 6))
def test_nothing_sound_pays_more_than_what_is_chosen(said, least):
    decision = compare(REQUEST, said, least)
    sound = [
        (-a.quote.amount_out, a.quote.price_impact_bps, a.rank)
        for a in said
        if a.quote is not None
        and (a.quote.output_mint, a.quote.amount_in) == (B, 1_000)
        and max(1, least or 0) <= a.quote.amount_out <= U64_MAX
        and a.quote.price_impact_bps >= 0
    ]
    assert (decision.chosen is None) == (not sound) == (decision.error is not None)
    if decision.chosen is not None:
        assert decision.chosen == next(a.quote for a in said if a.rank == min(sound)[2])


@given(answers(), st.none() | st.integers(0, 6))
def test_everyone_who_answered_is_accounted_for_and_one_at_most_is_chosen(said, least):
    decision = compare(REQUEST, said, least)
    assert [c.venue for c in decision.considered] == [a.venue for a in said]
    assert all(c.reason for c in decision.considered)
    assert [c.quote for c in decision.considered if c.chosen] == ([decision.chosen] if decision.chosen else [])


mandates = st.builds(
    Mandate,
    max_price_impact_bps=st.none() | st.integers(0, 5),
    max_deviation_bps=st.none() | st.sampled_from([0, 100, 5_000, 9_999]),
    allowed_venues=st.none() | st.frozensets(st.sampled_from([f"v{rank}" for rank in range(6)])),
)
at_least = st.none() | st.integers(0, 6)


@given(answers(), at_least, mandates, st.randoms())
def test_within_bounds_routing_does_not_depend_on_the_order_of_the_answers_either(said, least, mandate, random):
    one = compare(REQUEST, said, least, mandate)
    other = compare(REQUEST, random.sample(said, len(said)), least, mandate)
    assert (one.chosen, one.considered, one.reason) == (other.chosen, other.considered, other.reason)
    assert type(one.error) is type(other.error)


@given(answers(), at_least, mandates)
def test_nothing_beyond_the_bounds_is_chosen_and_only_that_is_held_back(said, least, mandate):
    sound = {
        a.rank: a.quote
        for a in said
        if a.quote is not None
        and (a.quote.output_mint, a.quote.amount_in) == (B, 1_000)
        and 0 < a.quote.amount_out <= U64_MAX
        and 0 <= a.quote.price_impact_bps <= (6 if (most := mandate.max_price_impact_bps) is None else most)
        and (mandate.allowed_venues is None or a.venue in mandate.allowed_venues)
    }

    def near(rank: int) -> bool:
        if mandate.max_deviation_bps is None:
            return True
        others = [quote.amount_out for other, quote in sound.items() if other != rank]
        if not others:
            return False
        middle = Fraction(median([Fraction(paid) for paid in others]))
        return abs(sound[rank].amount_out - middle) <= middle * Fraction(mandate.max_deviation_bps, 10_000)

    usable = [
        (-quote.amount_out, quote.price_impact_bps, rank)
        for rank, quote in sound.items()
        if near(rank) and quote.amount_out >= max(1, least or 0)
    ]
    decision = compare(REQUEST, said, least, mandate)
    assert decision.chosen == (sound[min(usable)[2]] if usable else None)
    unbound = compare(REQUEST, said, least)
    if (
        decision.chosen is None
        and unbound.chosen is not None
        and unbound.chosen.venue in (mandate.allowed_venues or ())
    ):
        assert isinstance(decision.error, PolicyDenied)


@given(
    answers(), at_least, st.sampled_from([Mandate(), Mandate(max_price_impact_bps=2**63), Mandate(denied_tokens={A})])
)
def test_without_bounds_that_bind_a_quote_all_is_as_without_a_mandate(said, least, mandate):
    one, other = compare(REQUEST, said, least), compare(REQUEST, said, least, mandate)
    assert (one.chosen, one.considered, one.reason) == (other.chosen, other.considered, other.reason)
    assert (type(one.error), str(one.error)) == (type(other.error), str(other.error))
