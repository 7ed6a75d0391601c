"""`bestfill quote`: what an order would be offered now."""

from bestfill_cli.commands.submit import Swap
from bestfill_cli.commands.tokens import symbols
from bestfill_cli.exits import Exit
from bestfill_cli.run import Run
from bestfill_cli.screen import Column, Marked
from bestfill_cli.wire import document
from bestfill_cli.words import percent, quote_row

QUOTES = (
    Column(""),
    Column("venue"),
    Column("pays", right=True),
    Column("impact", rank=2, right=True),
    Column("fee", rank=2, right=True),
    Column("why", rank=1, wraps=True),
)


def quote(run: Run, swap: Swap) -> Exit:
    """Show every venue's quote, the choice and why."""
    with run.engine() as engine:
        with run.screen.waiting("asking the venues"):
            found = engine.quote(
                swap.token_in,
                swap.token_out,
                swap.amount,
                min_amount_out=swap.min_out,
                slippage=swap.slippage,
                expires_at=swap.expires_at,
            )
        code = Exit.FAILED if found.chosen is None else Exit.DONE
        if run.json:
            run.screen.document(document(found))
            return code
        names = symbols(engine)
    into, out = names.of(found.token_in), names.of(found.token_out)
    run.screen.table(QUOTES, [quote_row(quote, out) for quote in found.quotes])
    run.screen.say("")
    if found.chosen is None:
        run.screen.say(Marked(f"no venue would fill it: {found.code}: {found.reason}", "bad"))
        return code
    run.screen.record(
        {
            "pays": f"{found.amount_in} {into}",
            "receives": f"{found.amount_out} {out}",
            "at least": f"{found.min_out} {out}, after {percent(found.slippage_bps)} slippage",
            "price": f"{found.price} {out} per {into}",
            "venue": f"{found.chosen}: {found.reason}",
        }
    )
    return code
