"""Ask every venue at once, and let none of them hold up or harm the others."""

import asyncio
from collections.abc import Mapping

from bestfill.errors import BestfillError, VenueUnavailable
from bestfill.ports import Venue
from bestfill.quote import Quote, QuoteRequest
from bestfill.routing import Answer

_late: set[asyncio.Task[Answer]] = set()


async def ask(venues: Mapping[str, Venue], request: QuoteRequest, timeout_ms: int) -> list[Answer]:
    """Give each venue's quote, or why there is none; takes `timeout_ms` at the most."""
    tasks = [
        asyncio.create_task(_answer(rank, name, venue, request)) for rank, (name, venue) in enumerate(venues.items())
    ]
    try:
        await asyncio.wait(tasks, timeout=timeout_ms / 1000)
        return [
            task.result() if task.done() and not task.cancelled() else _late_answer(rank, name, timeout_ms)
            for rank, (name, task) in enumerate(zip(venues, tasks, strict=True))
        ]
    finally:
        for task in tasks:
            if not task.done():  # it may be slow to notice, or never do: nobody waits for it
                _late.add(task)
                task.add_done_callback(_late.discard)
                task.cancel()


async def _answer(rank: int, name: str, venue: Venue, request: QuoteRequest) -> Answer:
    try:
        quote = await venue.quote(request)
    except BestfillError as error:
        return Answer(venue=name, rank=rank, error=error)
    except Exception as error:  # noqa: BLE001 - a venue is somebody else's code, and must not stop the others
        return Answer(venue=name, rank=rank, error=VenueUnavailable(unexpected("the venue", error)))
    if type(quote) is not Quote or quote.venue != name:
        return Answer(venue=name, rank=rank, error=VenueUnavailable("the answer is not a quote of this venue"))
    return Answer(venue=name, rank=rank, quote=quote)


def _late_answer(rank: int, name: str, timeout_ms: int) -> Answer:
    return Answer(venue=name, rank=rank, error=VenueUnavailable(f"no answer within {timeout_ms} ms"))


def unexpected(who: str, error: BaseException) -> str:
    """Name only the kind of an unexpected error: its text may hold an endpoint or a key."""
    return f"{who} failed ({type(error).__name__})"
