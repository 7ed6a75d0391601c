"""The command line: its commands, their arguments and options. What a command does is imported when it is asked for."""

import os
from typing import Annotated, Final

import typer

from bestfill.units import Millis
from bestfill_cli import operating, reading
from bestfill_cli.exits import EXIT_CODES, Exit
from bestfill_cli.run import Insecure, KeyFile, Run, Url, command

_ABOUT: Final = f"""Place, watch and look up orders at a bestfill engine, and look after it.

Amounts are plain decimal numbers in display units; tokens are symbols or mint addresses.

{EXIT_CODES}"""
_ABOUT_VERIFY: Final = """Say whether all stories and the audit log are whole and unchanged.

Read every order of the store that the environment's settings name, and say of each whose story is not whole and
unchanged what is wrong with it; likewise of each entry of the audit log. Nothing is written, and the system may be
running meanwhile.

At the end comes a digest of all stories and of the log. Keep it where nobody who can write to the database can change
it, and later have it compared: that finds even a story that was rewritten from end to end, or taken out with all that
belongs to it, and a log that was cut short. Orders accepted before a time that is over don't change any more once they
have ended, nor what the log has of before then, so that their digest stays.

Exit code: 0 all is whole, 1 something is not, 2 nothing can be said of the whole: the store can't be read, or the
command is wrong."""

app = typer.Typer(name="bestfill", help=_ABOUT, rich_markup_mode=None, pretty_exceptions_enable=False)

TokenIn = Annotated[str, typer.Argument(metavar="TOKEN_IN", help="What is paid, such as SOL.", show_default=False)]
TokenOut = Annotated[str, typer.Argument(metavar="TOKEN_OUT", help="What is received, such as USDC.")]
AmountIn = Annotated[str, typer.Argument(metavar="AMOUNT", help="How much is paid, such as 1.5.")]
MinOut = Annotated[str | None, typer.Option("--min-out", metavar="AMOUNT", help="The least to receive.")]
Slippage = Annotated[
    str | None, typer.Option("--slippage", metavar="PERCENT", help="How far below the quote it may pay (0.5).")
]
ExpiresIn = Annotated[
    int | None,
    typer.Option(
        "--expires-in", metavar="SECONDS", min=1, max=86_400, help="When to give it up, if not signed by then."
    ),
]
ExpiresAt = Annotated[
    str | None, typer.Option("--expires-at", metavar="TIME", help="The same as an ISO 8601 time with its zone.")
]
OrderId = Annotated[str, typer.Argument(metavar="ORDER", help="The order's id.")]
Timeout = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", min=0.001, help="How long to watch; the order goes on.")
]


def _version(asked: bool) -> None:
    if asked:
        from bestfill import __version__

        typer.echo(f"bestfill {__version__}")
        raise typer.Exit


@app.callback()
def shared(
    ctx: typer.Context,
    url: Url = None,
    user: Annotated[
        str | None,
        typer.Option("--user", envvar="BESTFILL_USER", metavar="USER", help="Whose orders; else the login name."),
    ] = None,
    key_file: KeyFile = None,
    insecure: Insecure = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an unforeseen error came from.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
) -> None:
    """Take what holds for every command; each takes it too, and then its own wins."""
    run: Run = ctx.obj
    run.url_given = url is not None
    run.url, run.user_given, run.debug = url or os.environ.get("BESTFILL_URL") or run.url, user, debug
    run.key_file, run.insecure = key_file, insecure


@app.command()
@command("user", "url")
def submit(
    run: Run,
    token_in: TokenIn,
    token_out: TokenOut,
    amount: AmountIn,
    min_out: MinOut = None,
    slippage: Slippage = None,
    expires_in: ExpiresIn = None,
    expires_at: ExpiresAt = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="KEY", help="The same key never places an order twice; else a new one."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch/--no-watch", help="Follow it to its end, and give a receipt.")
    ] = False,
    timeout: Timeout = None,
) -> Exit:
    """Place a market order."""
    from bestfill_cli.commands.submit import Swap, moment, submit

    if expires_in is not None and expires_at is not None:
        raise typer.BadParameter("--expires-in and --expires-at can't be given together")
    if timeout is not None and not watch:
        raise typer.BadParameter("--timeout is for --watch")
    swap = Swap(token_in, token_out, amount, min_out, slippage, moment(expires_in, expires_at))
    return submit(run, swap, key, follow=watch, timeout_s=timeout)


@app.command()
@command("url")
def quote(
    run: Run,
    token_in: TokenIn,
    token_out: TokenOut,
    amount: AmountIn,
    min_out: MinOut = None,
    slippage: Slippage = None,
) -> Exit:
    """Show what an order would be offered now; nothing is placed."""
    from bestfill_cli.commands.quote import quote
    from bestfill_cli.commands.submit import Swap

    return quote(run, Swap(token_in, token_out, amount, min_out, slippage, None))


@app.command()
@command("user", "url")
def watch(
    run: Run,
    order: Annotated[
        str | None, typer.Argument(metavar="[ORDER]", help="The order's id; else all of a user's.")
    ] = None,
    since: Annotated[int | None, typer.Option("--since", metavar="N", min=0, help="Begin after event N.")] = None,
    timeout: Timeout = None,
) -> Exit:
    """Follow an order to its end, or all orders of a user until Ctrl-C. Watching changes nothing."""
    import asyncio

    from bestfill_cli.commands import watch

    if order is None:
        return asyncio.run(watch.user(run, since, timeout))
    return asyncio.run(watch.order(run, order, timeout, since or 0))


@app.command()
@command("user", "url")
def orders(
    run: Run,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 10,
    offset: Annotated[int, typer.Option("--offset", min=0, help="Leave out so many of the newest.")] = 0,
    status: Annotated[
        str | None,
        typer.Option(
            "--status", metavar="STATUS", parser=reading.status, help="Only those with this status, such as failed."
        ),
    ] = None,
) -> Exit:
    """List a user's orders, newest first."""
    from bestfill_cli.commands.orders import orders

    return orders(run, limit, offset, status)


@app.command()
@command("url")
def show(run: Run, order: OrderId) -> Exit:
    """Show an order, its attempts with the quotes that they saw, and its events."""
    from bestfill_cli.commands.orders import show

    return show(run, order)


@app.command()
@command("url")
def cancel(run: Run, order: OrderId) -> Exit:
    """End an order that is not signed yet."""
    from bestfill_cli.commands.orders import cancel

    return cancel(run, order)


@app.command()
@command("url")
def stats(
    run: Run,
    watch: Annotated[bool, typer.Option("--watch", help="Again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option("--every", metavar="SECONDS", min=0.2, help="How often, with --watch.")] = 2.0,
) -> Exit:
    """Show what the engine is doing, and did over the last minutes."""
    from bestfill_cli.commands.stats import stats

    return stats(run, watch=watch, every_s=every)


@app.command()
@command("url")
def tokens(run: Run) -> Exit:
    """List the tokens that the engine knows by a symbol."""
    from bestfill_cli.commands.tokens import tokens

    return tokens(run)


@app.command(help=_ABOUT_VERIFY, short_help="Say whether all stories and the audit log are whole and unchanged.")
@command()
def verify(
    run: Run,
    before: Annotated[
        Millis | None,
        typer.Option(
            "--before",
            metavar="TIME",
            parser=reading.moment,
            help="Have in the digest only what is from before this ISO 8601 date or time (in UTC, unless it says).",
        ),
    ] = None,
    expect: Annotated[
        str | None,
        typer.Option("--expect", metavar="DIGEST", parser=reading.digest, help="The digest that must come out."),
    ] = None,
) -> Exit:
    """Hold the stored stories against their hashes."""
    from bestfill_cli.commands.verify import check

    return check(run, before, expect)


@app.command()
@command("url")
def doctor(run: Run) -> Exit:
    """Say what is configured, what is reachable, what is wrong and how to mend it. Nothing is changed."""
    from bestfill_cli.commands.doctor import doctor

    return doctor(run)


app.add_typer(operating.keys)
for _operation in (operating.halt, operating.resume, operating.audit):
    app.command()(_operation)
