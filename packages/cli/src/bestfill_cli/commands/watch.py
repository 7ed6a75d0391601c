"""`bestfill watch`: a live line for each step of an order, then its receipt; or all that happens to a user's orders."""

import asyncio
import math
from contextlib import aclosing

from bestfill_cli import story
from bestfill_cli.exits import Exit
from bestfill_cli.run import Run
from bestfill_cli.wire import message
from bestfill_cli.words import Symbols
from bestfill_client import AsyncBestfill, EngineError, Event, TimedOut


async def order(run: Run, order_id: str, timeout_s: float | None, since: int = 0) -> Exit:
    """Follow an order to its end.

    Raises:
        TimedOut: it has not come in time.
        EngineError: the stream can't go on.
    """
    told: list[Event] = []
    try:
        async with asyncio.timeout(timeout_s), run.streaming_engine() as engine:
            if not run.json:
                run.screen.say(f"order {order_id}")
            symbols = Symbols() if run.json else await known_tokens(engine)
            await _follow(run, engine, order_id, since, symbols, told)
    except TimeoutError:
        raise TimedOut(order_id, told[-1].status if told else "unknown", timeout_s or math.inf) from None
    except asyncio.CancelledError:
        run.screen.complain(
            "interrupted; the order goes on",
            f"follow it: {run.hint('watch', order_id)}",
            f"end it, if it is not signed yet: {run.hint('cancel', order_id)}",
        )
        return Exit.INTERRUPTED
    return Exit.DONE if told[-1].status == "confirmed" else Exit.FAILED


async def user(run: Run, since: int | None, timeout_s: float | None) -> Exit:
    """Follow all orders of a user, without end.

    Raises:
        EngineError: the stream can't go on.
    """
    try:
        async with asyncio.timeout(timeout_s), run.streaming_engine() as engine:
            symbols = Symbols() if run.json else await known_tokens(engine)
            async with aclosing(engine.watch_user(run.user, since=since)) as events:
                async for event in events:
                    if run.json:
                        run.screen.document(message(event), indent=False)
                    else:
                        run.screen.say(*story.user_line(event, symbols))
    except TimeoutError:
        return Exit.DONE
    return Exit.DONE


async def known_tokens(engine: AsyncBestfill) -> Symbols:
    """Read the engine's tokens; one that does not tell them has its mints shown instead."""
    try:
        return Symbols(await engine.tokens())
    except EngineError:
        return Symbols()


async def _follow(
    run: Run, engine: AsyncBestfill, order_id: str, since: int, symbols: Symbols, told: list[Event]
) -> None:
    """Show the events after `since`. All are read: from the first are the tokens, from the last is the outcome."""
    async with aclosing(engine.watch(order_id)) as events:
        while not (told and told[-1].ended):
            with run.screen.waiting(story.awaited(told[-1]) if told else "waiting for the first event"):
                told.append(await anext(events))
            if told[-1].seq <= since:
                continue
            if run.json:
                run.screen.document(message(told[-1]), indent=False)
            else:
                run.screen.say(*story.line(told[-1], told, symbols))
    if not run.json:
        run.screen.say("")
        run.screen.record(story.receipt(told, symbols))
