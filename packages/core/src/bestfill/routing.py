"""Compare what the venues offered, choose one, and say why each other lost."""

from collections.abc import Sequence

from attrs import frozen

from bestfill.errors import BestfillError, NoRoute, QuoteError, RoutingError
from bestfill.quote import Considered, Quote, QuoteRequest
from bestfill.units import BaseUnits
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


def compare(request: QuoteRequest, answers: Sequence[Answer], min_amount_out: BaseUnits | None) -> Decision:
    """Choose the quote that pays the user most.

    A tie goes to the lower price impact, then to the venue that is configured first; the order in which the
    answers stand plays no part. A quote that does not answer the request is never chosen.
    """
    answers = sorted(answers, key=lambda a: a.rank)
    quotes = {a.rank: a.quote for a in answers if a.quote is not None and quote_fault(request, a.quote) is None}
    least = max(1, min_amount_out or 0)
    good = [(rank, quote) for rank, quote in quotes.items() if quote.amount_out >= least]
    if not good:
        return _nothing(request, answers, bool(quotes), least)
    best_rank, best = min(good, key=lambda rq: (-rq[1].amount_out, rq[1].price_impact_bps, rq[0]))
    considered = tuple(_considered(request, a, best_rank, best, least) for a in answers)
    reason = next(c.reason for c in considered if c.chosen)
    return Decision(chosen=best, considered=considered, reason=reason)


def _considered(request: QuoteRequest, answer: Answer, best_rank: int, best: Quote, least: int) -> Considered:
    lost = _lost(request, answer, least)
    if lost is not None:
        return lost
    quote = answer.quote
    assert quote is not None  # noqa: S101 - _lost has dealt with its absence
    if answer.rank == best_rank:
        return Considered(venue=answer.venue, quote=quote, chosen=True, reason="pays the most")
    if quote.amount_out < best.amount_out:
        reason = f"pays {best.amount_out - quote.amount_out} base units less than {best.venue}"
    elif quote.price_impact_bps > best.price_impact_bps:
        reason = f"pays the same as {best.venue} at a higher price impact"
    else:
        reason = f"ties with {best.venue}, which is configured first"
    return Considered(venue=answer.venue, quote=quote, reason=reason)


def _lost(request: QuoteRequest, answer: Answer, least: int) -> Considered | None:
    if answer.quote is None:
        return Considered(venue=answer.venue, quote=None, reason=answer.error.reason if answer.error else "no answer")
    if (wrong := quote_fault(request, answer.quote)) is not None:
        return Considered(venue=answer.venue, quote=None, reason=wrong)
    if answer.quote.amount_out < least:
        reason = f"pays {least - answer.quote.amount_out} base units less than the minimum"
        return Considered(venue=answer.venue, quote=answer.quote, reason=reason)
    return None


def _nothing(request: QuoteRequest, answers: Sequence[Answer], quoted: bool, least: int) -> Decision:
    considered = tuple(c for a in answers if (c := _lost(request, a, least)) is not None)
    error: BestfillError
    if quoted:
        error = RoutingError("no venue meets the minimum output")
    elif all(isinstance(a.error, NoRoute) for a in answers):
        error = NoRoute(_shared([a.error.reason for a in answers if a.error is not None]))
    else:
        error = QuoteError("no venue gave a usable quote in time")
    return Decision(chosen=None, considered=considered, reason=error.reason, error=error)


def _shared(reasons: Sequence[str]) -> str:
    """The reason that all venues give, or what can be said of them all."""
    return reasons[0] if len(set(reasons)) == 1 else "no venue trades this pair and amount"
