"""Works on the control store of the environment's settings, for the commands that an operator has for it."""

import asyncio
import os
import pwd
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bestfill.audit import AuditFact
from bestfill.errors import Conflict, KeyNotFound, StoreError
from bestfill.units import Millis
from bestfill_adapters.settings import SettingsError, load
from bestfill_adapters.sql.control import SqlControl, opened
from bestfill_adapters.sql.file import DATABASE
from bestfill_adapters.system import SystemClock
from bestfill_cli.exits import Exit
from bestfill_cli.run import Run

T = TypeVar("T")


def work(run: Run, do: Callable[[SqlControl], Awaitable[Exit]], *, make: bool = False) -> Exit:
    """Open the store, do something with it, and tell what goes wrong.

    Args:
        run: of this command.
        do: gives the exit code.
        make: whether a SQLite file that is not there is made.
    """

    async def opened_and_done() -> Exit:
        async with opened(load(os.environ), make=make) as control:
            return await do(control)

    try:
        return asyncio.run(opened_and_done())
    except SettingsError as error:
        run.screen.complain(*error.problems)
        return Exit.REFUSED
    except KeyNotFound as error:
        run.screen.complain(error.reason, "bestfill keys list has them all")
        return Exit.NOT_FOUND
    except Conflict as error:
        run.screen.complain(error.reason)
        return Exit.TOO_LATE
    except StoreError as error:
        run.screen.complain(error.reason)
        return Exit.UNREACHABLE


def where() -> str:
    """Name the database that is worked on; an address may hold a password, so of that only where it stands."""
    settings = load(os.environ)
    if settings.database_url is not None:
        return "the database of DATABASE_URL"
    return str((settings.data_dir / DATABASE).absolute())


def now() -> Millis:
    """Give the time."""
    return SystemClock().now()


def actor() -> str:
    """Name who runs this command, by the system's word and not the environment's."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:  # no name for this user id, as in many containers
        return f"cli:uid {os.getuid()}"


def fact(at: Millis, action: str, subject: str, **detail: str) -> AuditFact:
    """Tell what was done here."""
    return AuditFact(at=at, actor=actor(), origin="cli", action=action, subject=subject, detail=detail)
