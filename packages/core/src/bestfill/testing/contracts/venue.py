"""The checks of a Venue, with a request that it can answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from attrs import evolve, frozen

from bestfill.errors import ExecutionError, NoRoute, QuoteError
from bestfill.ports import Venue
from bestfill.quote import QuoteRequest
from bestfill.slippage import min_out
from bestfill.testing.contracts.raising import raises
from bestfill.units import BaseUnits, Bps, Mint
from bestfill.vetting import quote_fault as fault

NO_TOKEN: Final = Mint("11111111111111111111111111111111")
"""The system program's address, which is no token."""


@frozen
class Subject:
    """A venue, and a request that it can answer."""

    venue: Venue
    request: QuoteRequest


async def has_a_constant_name(subject: Subject) -> None:
    """The name is a short printable word that does not change."""
    name = subject.venue.name
    assert name and name.isprintable() and len(name) <= 64, f"{name!r} is no good name"
    assert subject.venue.name == name, "the name changes"


async def quotes_exactly_what_is_asked(subject: Subject) -> None:
    """A quote is for the request's pair and amount, in whole base units, under the venue's own name."""
    quote = await subject.venue.quote(subject.request)
    assert fault(subject.request, quote) is None, fault(subject.request, quote)
    assert quote.venue == subject.venue.name, "the quote carries another venue's name"


async def refuses_an_unknown_pair(subject: Subject) -> None:
    """A pair that it does not trade is NoRoute, not a number and not any other error."""
    await raises(NoRoute, subject.venue.quote(evolve(subject.request, output_mint=NO_TOKEN)))
    await raises(NoRoute, subject.venue.quote(evolve(subject.request, input_mint=NO_TOKEN)))


async def stays_sane_at_the_ends_of_u64(subject: Subject) -> None:
    """The smallest and largest amounts give a sound quote or a clear refusal."""
    for amount_in in (1, 2**64 - 1):
        request = evolve(subject.request, amount_in=BaseUnits(amount_in))
        try:
            quote = await subject.venue.quote(request)
        except (NoRoute, QuoteError, ExecutionError):
            continue
        assert fault(request, quote) is None, f"{amount_in}: {fault(request, quote)}"


async def more_in_is_never_less_out(subject: Subject) -> None:
    """A hundred times the input pays more than the input: far outside what prices may move by between quotes."""
    request = subject.request
    small = await subject.venue.quote(evolve(request, amount_in=BaseUnits(request.amount_in // 100 or 1)))
    large = await subject.venue.quote(request)
    assert large.amount_out > small.amount_out, "a larger input pays less"


async def answers_many_at_once(subject: Subject) -> None:
    """Concurrent requests do not disturb each other."""
    requests = [evolve(subject.request, amount_in=BaseUnits(subject.request.amount_in + i)) for i in range(20)]
    quotes = await asyncio.gather(*(subject.venue.quote(r) for r in requests))
    for request, quote in zip(requests, quotes, strict=True):
        assert fault(request, quote) is None, fault(request, quote)


async def builds_the_leg_that_was_quoted(subject: Subject) -> None:
    """A leg trades exactly the quote, with exactly the bound that is handed over."""
    quote = await subject.venue.quote(subject.request)
    bound = min_out(quote.amount_out, Bps(50), None)
    leg = await subject.venue.leg(quote, bound)
    assert (leg.venue, leg.min_out) == (subject.venue.name, bound), "the leg has another venue or bound"
    same = (quote.input_mint, quote.output_mint, quote.amount_in)
    assert (leg.input_mint, leg.output_mint, leg.amount_in) == same, "the leg is another trade"


async def can_be_cancelled(subject: Subject) -> None:
    """A cancelled quote ends, and the venue goes on answering."""
    task = asyncio.create_task(subject.venue.quote(subject.request))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await quotes_exactly_what_is_asked(subject)


CHECKS: Final[tuple[Callable[[Subject], Awaitable[None]], ...]] = (
    has_a_constant_name,
    quotes_exactly_what_is_asked,
    refuses_an_unknown_pair,
    stays_sane_at_the_ends_of_u64,
    more_in_is_never_less_out,
    answers_many_at_once,
    builds_the_leg_that_was_quoted,
    can_be_cancelled,
)
