"""The command `bestfill`. What takes time to import is imported where Ctrl-C is heeded already."""

import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bestfill_cli.run import Run


def main() -> None:
    """Do what the command line says, and end the process with the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: an order in doubt is told with its key
    try:
        from bestfill_cli.run import Run

        made = Run()
        code = run(sys.argv[1:], made)
    except KeyboardInterrupt:
        sys.exit(130)
    if made.abandoned:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: Sequence[str], made: "Run | None" = None) -> int:
    """Do what a command line says; give the exit code."""
    import typer

    from bestfill_cli.exits import Exit
    from bestfill_cli.line import app
    from bestfill_cli.run import Run

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a user's id may be in any script
    made, given = made or Run(), list(arguments)
    try:
        code = app(given or ["--help"], prog_name="bestfill", standalone_mode=False, obj=made)
        return int(code or Exit.DONE) if given else Exit.REFUSED
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        usage: list[str] = []
        if context is not None:
            call = context.get_usage().strip().replace("Usage:", "usage:")
            usage = [call, f"{context.command_path} --help says more"]
        made.screen.complain(error.format_message(), *usage)
        return Exit.REFUSED
    except typer.Abort:
        return Exit.INTERRUPTED
