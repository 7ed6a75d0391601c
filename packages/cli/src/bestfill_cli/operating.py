"""The commands by which an operator says who may do what, and whether anything is signed.

They work on the database of the environment's settings, so that they need no engine, and no key.
"""

from typing import Annotated, Final

import typer

from bestfill_cli import reading
from bestfill_cli.exits import Exit
from bestfill_cli.run import Run, command

_ABOUT: Final = """Make, list, end and replace the keys of the API.

They are kept in the database that the environment's settings name, whether an engine runs or not, and of a key's secret
only the digest. Each change stands in the audit log."""

keys = typer.Typer(name="keys", help=_ABOUT, rich_markup_mode=None, no_args_is_help=True)

KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id: what stands between bf_ and the second _.")]

Reason = Annotated[
    str, typer.Argument(metavar="REASON", parser=reading.reason, help="Why: for the log, and for whoever resumes it.")
]


@keys.command()
@command()
def create(
    run: Run,
    owner: Annotated[str, typer.Option("--user", metavar="USER", parser=reading.user, help="Whose orders it reaches.")],
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope",
            metavar="read|trade|admin",
            parser=reading.scope,
            help="What it is good for; again for more. trade includes read; admin has no orders.",
        ),
    ],
    expires: Annotated[
        int | None,
        typer.Option(
            "--expires", metavar="SPAN", parser=reading.span, help="How long it lasts, such as 90d; else for ever."
        ),
    ] = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What it is for.")] = "",
) -> Exit:
    """Make a key, and write it to standard output, this once."""
    from bestfill_cli.commands.keys import create

    return create(run, owner, scope, expires, note)


@keys.command("list")
@command()
def list_(run: Run) -> Exit:
    """List all keys, oldest first, without their secrets."""
    from bestfill_cli.commands.keys import all_keys

    return all_keys(run)


@keys.command()
@command()
def revoke(run: Run, key_id: KeyId) -> Exit:
    """End a key now."""
    from bestfill_cli.commands.keys import revoke

    return revoke(run, key_id)


@keys.command()
@command()
def rotate(
    run: Run,
    key_id: KeyId,
    grace: Annotated[
        int | None,
        typer.Option(
            "--grace", metavar="SPAN", parser=reading.span, help="For how long the old one is good, such as 1h (0s)."
        ),
    ] = None,
) -> Exit:
    """Make a key for the same user, with the same scopes, note and time to last, and end the old one."""
    from bestfill_cli.commands.keys import rotate

    return rotate(run, key_id, grace or 0)


@command()
def halt(run: Run, reason: Reason) -> Exit:
    """Have nothing signed any more, at once and by no worker; what is signed is followed to its end."""
    from bestfill_cli.commands.halt import halt

    return halt(run, reason)


@command()
def resume(run: Run) -> Exit:
    """Let orders be signed again."""
    from bestfill_cli.commands.halt import resume

    return resume(run)


@command()
def audit(
    run: Run,
    since: Annotated[int, typer.Option("--since", metavar="N", min=0, help="Begin after entry N.")] = 0,
    limit: Annotated[int | None, typer.Option("--limit", metavar="COUNT", min=1, help="At most so many.")] = None,
) -> Exit:
    """Say who did what from where, oldest first; bestfill verify says whether it is unchanged."""
    from bestfill_cli.commands.audit import audit

    return audit(run, since, limit)
