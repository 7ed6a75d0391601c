"""Ask every venue at once, and let none of them hold up or harm the others."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from bestfill.errors import BestfillError, NoRoute, VenueUnavailable
from bestfill.ports import Quoted, Telemetry, Venue
from bestfill.quote import Quote, QuoteRequest
from bestfill.routing import Answer


class _Asked(NamedTuple):
    answer: Answer
    outcome: Quoted
    took_ms: float


_late: set[asyncio.Task[_Asked]] = set()


async def ask(
    venues: Mapping[str, Venue], request: QuoteRequest, timeout_ms: int, telemetry: Telemetry
) -> list[Answer]:
    """Give each venue's quote, or why there is none; takes `timeout_ms` at the most."""
    tasks = [asyncio.create_task(_ask(rank, name, venue, request)) for rank, (name, venue) in enumerate(venues.items())]
    try:
        await asyncio.wait(tasks, timeout=timeout_ms / 1000)
        asked = [
            task.result() if task.done() and not task.cancelled() else _too_late(rank, name, timeout_ms)
            for rank, (name, task) in enumerate(zip(venues, tasks, strict=True))
        ]
    finally:
        for task in tasks:
            if not task.done():  # it may be slow to notice, or never do: nobody waits for it
                _late.add(task)
                task.add_done_callback(_late.discard)
                task.cancel()
    for answer, outcome, took_ms in asked:
        telemetry.quoted(answer.venue, outcome, took_ms)
    return [answer for answer, _, _ in asked]


async def _ask(rank: int, name: str, venue: Venue, request: QuoteRequest) -> _Asked:
    time = asyncio.get_running_loop().time
    begun = time()
    error: BestfillError
    try:
        quote = await venue.quote(request)
    except BestfillError as refusal:
        error = refusal
    except Exception as fault:  # noqa: BLE001 - a venue is somebody else's code, and must not stop the others
        error = VenueUnavailable(unexpected("the venue", fault))
    else:
        if type(quote) is Quote and quote.venue == name:
            return _Asked(Answer(venue=name, rank=rank, quote=quote), Quoted.OK, 1_000 * (time() - begun))
        error = VenueUnavailable("the answer is not a quote of this venue")
    outcome = Quoted.REFUSED if isinstance(error, NoRoute) else Quoted.ERROR
    return _Asked(Answer(venue=name, rank=rank, error=error), outcome, 1_000 * (time() - begun))


def _too_late(rank: int, name: str, timeout_ms: int) -> _Asked:
    error = VenueUnavailable(f"no answer within {timeout_ms} ms")
    return _Asked(Answer(venue=name, rank=rank, error=error), Quoted.LATE, timeout_ms)


def unexpected(who: str, error: BaseException) -> str:
    """Name only the kind of an unexpected error: its text may hold an endpoint or a key."""
    return f"{who} failed ({type(error).__name__})"
