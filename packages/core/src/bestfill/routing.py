"""Compare what the venues offered, choose one, and say why each other lost."""

from collections.abc import Mapping, Sequence

from attrs import frozen

from bestfill.errors import BestfillError, NoRoute, PolicyDenied, QuoteError, RoutingError
from bestfill.mandate import UNBOUND, Mandate
from bestfill.quote import Considered, Quote, QuoteRequest
from bestfill.units import BPS, BaseUnits, to_display
from bestfill.vetting import quote_fault


@frozen(kw_only=True)
class Answer:
    """What one venue said: a quote or an error. `rank` is its place in the configured order, from 0."""

    venue: str
    rank: int
    quote: Quote | None = None
    error: BestfillError | None = None


@frozen(kw_only=True)
class Decision:
    """The outcome of routing: `chosen`, or the `error` that says why there is none; `considered` is in venue order."""

    chosen: Quote | None
    considered: tuple[Considered, ...]
    reason: str
    error: BestfillError | None = None


def compare(
    request: QuoteRequest,
    answers: Sequence[Answer],
    min_amount_out: BaseUnits | None,
    mandate: Mandate = UNBOUND,
) -> Decision:
    """Choose the quote that pays the user most.

    A tie goes to the lower price impact, then to the venue that is configured first; the order in which the
    answers stand plays no part. A quote that does not answer the request, or that the mandate denies, is never chosen.
    """
    answers = sorted(answers, key=lambda a: a.rank)
    least = max(1, min_amount_out or 0)
    denials = _denials(request, answers, mandate) if mandate.bounds_quotes else {}
    lost = {a.rank: why for a in answers if (why := _lost(request, a, least, denials.get(a.rank))) is not None}
    good = {a.rank: a.quote for a in answers if a.quote is not None and a.rank not in lost}
    if not good:
        return _nothing(answers, tuple(lost.values()), least, denials, mandate)
    best_rank = _best(good)
    best = good[best_rank]
    considered = tuple(
        lost.get(a.rank) or _compared(a.venue, good[a.rank], best, chosen=a.rank == best_rank) for a in answers
    )
    reason = next(c.reason for c in considered if c.chosen)
    return Decision(chosen=best, considered=considered, reason=reason)


def _best(quotes: Mapping[int, Quote]) -> int:
    return min(quotes, key=lambda rank: (-quotes[rank].amount_out, quotes[rank].price_impact_bps, rank))


def _denials(request: QuoteRequest, answers: Sequence[Answer], mandate: Mandate) -> dict[int, PolicyDenied]:
    """Give what the mandate denies, by rank.

    The price of each is held against the others that are sound and within its other bounds, whether or not they meet
    the user's minimum: that says nothing about a price.
    """
    denials: dict[int, PolicyDenied] = {}
    usable: dict[int, int] = {}
    for answer in answers:
        quote = answer.quote
        if quote is None or quote_fault(request, quote) is not None:
            continue
        denied = mandate.venue_denial(answer.venue) or mandate.impact_denial(quote.price_impact_bps)
        if denied is None:
            usable[answer.rank] = quote.amount_out
        else:
            denials[answer.rank] = denied
    for rank, amount_out in usable.items():
        others = [paid for other, paid in usable.items() if other != rank]
        if (off := mandate.deviation_denial(amount_out, others)) is not None:
            denials[rank] = off
    return denials


def _compared(venue: str, quote: Quote, best: Quote, *, chosen: bool) -> Considered:
    if chosen:
        reason = "pays the most"
    elif quote.amount_out < best.amount_out:
        reason = f"pays {_short(quote.amount_out, best.amount_out)} less than {best.venue}"
    elif quote.price_impact_bps > best.price_impact_bps:
        reason = f"pays the same as {best.venue} at a higher price impact"
    else:
        reason = f"ties with {best.venue}, which is configured first"
    return Considered(venue=venue, quote=quote, chosen=chosen, reason=reason)


def _lost(request: QuoteRequest, answer: Answer, least: int, denied: PolicyDenied | None) -> Considered | None:
    if answer.quote is None:
        return Considered(venue=answer.venue, quote=None, reason=answer.error.reason if answer.error else "no answer")
    if (wrong := quote_fault(request, answer.quote)) is not None:
        return Considered(venue=answer.venue, quote=None, reason=wrong)
    if answer.quote.amount_out < least:
        reason = f"pays {_short(answer.quote.amount_out, least)} less than the minimum"
        return Considered(venue=answer.venue, quote=answer.quote, reason=reason)
    if denied is not None:
        return Considered(venue=answer.venue, quote=answer.quote, reason=denied.reason)
    return None


def _short(amount: int, full: int) -> str:
    """Say how far an amount falls short: in percent, or in base units where that would round to nothing."""
    bps = (full - amount) * BPS // full
    return f"{to_display(BaseUnits(bps), 2)} %" if bps else f"{full - amount} base units"


def _nothing(
    answers: Sequence[Answer],
    considered: tuple[Considered, ...],
    least: int,
    denials: Mapping[int, PolicyDenied],
    mandate: Mandate,
) -> Decision:
    # A venue that is not allowed is as good as not there: what the others said decides.
    asked = [(a, c) for a, c in zip(answers, considered, strict=True) if mandate.venue_denial(a.venue) is None]
    denied = {a.rank: c.quote for a, c in asked if a.rank in denials and c.quote and c.quote.amount_out >= least}
    error: BestfillError
    if denied:
        error = denials[_best(denied)]
    elif answers and (no_venue := mandate.venue_denial(answers[0].venue)) is not None and not asked:
        error = no_venue
    elif any(c.quote is not None for _, c in asked):
        error = RoutingError("no venue meets the minimum output")
    elif all(isinstance(a.error, NoRoute) for a, _ in asked):
        error = NoRoute(_shared([a.error.reason for a, _ in asked if a.error is not None]))
    else:
        error = QuoteError("no venue gave a usable quote in time")
    return Decision(chosen=None, considered=considered, reason=error.reason, error=error)


def _shared(reasons: Sequence[str]) -> str:
    """The reason that all venues give, or what can be said of them all."""
    return reasons[0] if len(set(reasons)) == 1 else "no venue trades this pair and amount"
