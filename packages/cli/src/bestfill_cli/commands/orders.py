"""`bestfill orders`, `show` and `cancel`: orders as they stand."""

from collections.abc import Iterator
from typing import Final

from bestfill_cli import story
from bestfill_cli.commands.quote import QUOTES
from bestfill_cli.commands.tokens import symbols
from bestfill_cli.exits import Exit
from bestfill_cli.run import Run
from bestfill_cli.screen import Cell, Column, Marked
from bestfill_cli.wire import document, message
from bestfill_cli.words import Symbols, between, percent, quote_row, second, status
from bestfill_client import Bestfill, Execution, Order, OrderPage

PAGE: Final = 100
"""The most that the engine gives at once."""
PAGES_MAX: Final = 200
"""How many pages are read: more than the longest list needs. Of the orders beyond, none with a status is found."""

_LIST: Final = (
    Column("order"),
    Column("status"),
    Column("pays", right=True),
    Column("receives", right=True),
    Column("venue", rank=2),
    Column("took", rank=3, right=True),
    Column("attempts", rank=4, right=True),
    Column("accepted", rank=1),
    Column("why", rank=5, wraps=True),
)


def orders(run: Run, limit: int, offset: int, wanted: str | None) -> Exit:
    """List a user's orders, newest first: of those with the wanted status, if one is given, `limit` after `offset`."""
    with run.engine() as engine:
        page, found = _found(engine, run.user, limit, offset, wanted)
        if run.json:
            run.screen.document({**document(page), "orders": document(found), "limit": limit, "offset": offset})
            return Exit.DONE
        names = symbols(engine)
    run.screen.table(_LIST, [_row(order, names) for order in found])
    of_status = f" that are {wanted}" if wanted else ""
    newest = f"the newest {PAGES_MAX * PAGE} of " if wanted and page.total > PAGES_MAX * PAGE else ""
    whose = run.user or next((order.user_id for order in page.orders), None)
    of_whom = "" if whose is None else f" of {whose}"
    run.screen.say(Marked(f"{len(found)}{of_status}, of {newest}{page.total} orders{of_whom}", "dim"))
    return Exit.DONE


def show(run: Run, order_id: str) -> Exit:
    """Show one order with its attempts, the quotes that each saw, and its events."""
    with run.engine() as engine:
        order, attempts, events = engine.order(order_id), engine.executions(order_id), engine.events(order_id)
        if run.json:
            shown = {"order": document(order), "executions": document(attempts), "events": [message(e) for e in events]}
            run.screen.document(shown)
            return Exit.DONE
        names = symbols(engine)
    screen = run.screen
    screen.record(_fields(order, names))
    for attempt in attempts:
        screen.say("")
        screen.say(Marked(f"attempt {attempt.attempt}", "strong"))
        screen.record(_attempt(attempt, order, names))
        if attempt.quotes:
            screen.table(QUOTES, [quote_row(quote, names.of(order.token_out)) for quote in attempt.quotes])
    screen.say("")
    screen.say(Marked("events", "strong"))
    for event in events:
        screen.say(*story.line(event, events, names))
    return Exit.DONE


def cancel(run: Run, order_id: str) -> Exit:
    """End an order that is not signed yet."""
    with run.engine() as engine:
        order = engine.cancel(order_id)
    if run.json:
        run.screen.document(document(order))
    else:
        run.screen.say(f"order {order.id} is cancelled: nothing was swapped")
    return Exit.DONE


def _found(
    engine: Bestfill, user: str | None, limit: int, offset: int, wanted: str | None
) -> tuple[OrderPage, list[Order]]:
    """Give the first page that was read, and the orders that were asked for."""
    if wanted is None and limit <= PAGE:
        page = engine.orders(user, limit=limit, offset=offset)
        return page, list(page.orders)
    first = engine.orders(user, limit=PAGE, offset=offset if wanted is None else 0)
    found: list[Order] = []
    skip = 0 if wanted is None else offset
    for order in _all(engine, user, first):
        if wanted is None or order.status == wanted:
            skip -= 1
            if skip < 0:
                found.append(order)
                if len(found) == limit:
                    break
    return first, found


def _all(engine: Bestfill, user: str | None, page: OrderPage) -> Iterator[Order]:
    """Give orders page by page, each once: while new ones are placed, the old ones move down."""
    seen: set[str] = set()
    offset = page.offset
    for _ in range(PAGES_MAX):
        yield from (order for order in page.orders if order.id not in seen)
        seen.update(order.id for order in page.orders)
        if len(page.orders) < PAGE:
            return
        offset += PAGE
        page = engine.orders(user, limit=PAGE, offset=offset)


def _row(order: Order, names: Symbols) -> list[Cell]:
    return [
        order.id,
        status(order.status),
        names.amount(order.amount_in, order.token_in),
        names.amount(order.amount_out, order.token_out) or names.of(order.token_out),
        order.dex_selected,
        between(order.created_at, order.completed_at),
        str(order.attempts),
        second(order.created_at),
        None if order.error_code is None else f"{order.error_code}: {order.error_reason}",
    ]


def _fields(order: Order, names: Symbols) -> dict[str, Cell]:
    into, out = names.of(order.token_in), names.of(order.token_out)
    return {
        "order": order.id,
        "user": order.user_id,
        "status": status(order.status),
        "pays": f"{order.amount_in} {into}",
        "receives": names.amount(order.amount_out, order.token_out) or out,
        "at least": names.amount(order.min_amount_out, order.token_out),
        "slippage": percent(order.slippage_bps),
        "price": order.executed_price and f"{order.executed_price} {out} per {into}",
        "venue": order.dex_selected,
        "txHash": order.tx_hash,
        "why": order.error_code and Marked(f"{order.error_code}: {order.error_reason}", "bad"),
        "attempts": str(order.attempts),
        "accepted": order.created_at,
        "ended": order.completed_at,
        "took": between(order.created_at, order.completed_at),
        "expires": order.expires_at if not order.ended else None,
        "tokens": f"{order.token_in} {order.token_out}",
    }


def _attempt(attempt: Execution, order: Order, names: Symbols) -> dict[str, Cell]:
    def out(amount: str | None) -> str | None:
        return names.amount(amount, order.token_out)

    return {
        "outcome": attempt.outcome or "under way",
        "needs a person": attempt.attention and Marked(attempt.attention, "odd"),
        "venue": attempt.dex,
        "quoted": out(attempt.quoted_out),
        "at least": out(attempt.min_out),
        "received": out(attempt.amount_out),
        "signature": attempt.signature,
        "why": attempt.error_code and Marked(f"{attempt.error_code}: {attempt.error_reason}", "bad"),
        "started": attempt.started_at,
        "quoting took": between(attempt.started_at, attempt.quoted_at),
        "landing took": between(attempt.submitted_at, attempt.ended_at),
    }
