"""What a look at one thing has found."""

import enum
from collections.abc import Iterable
from typing import NamedTuple


class State(enum.StrEnum):
    """How it stands."""

    OK = "ok"
    WARN = "warn"
    WRONG = "wrong"


class Check(NamedTuple):
    """What was looked at, how it stands, and, unless it is ok, how to mend it."""

    what: str
    state: State
    detail: str
    mend: str = ""


def ok(what: str, detail: str) -> Check:
    """Say that all is well."""
    return Check(what, State.OK, detail)


def warn(what: str, detail: str, mend: str) -> Check:
    """Say what may become a trouble."""
    return Check(what, State.WARN, detail, mend)


def wrong(what: str, detail: str, mend: str) -> Check:
    """Say what is a trouble."""
    return Check(what, State.WRONG, detail, mend)


def any_wrong(checks: Iterable[Check]) -> bool:
    """Say whether something is wrong."""
    return any(check.state is State.WRONG for check in checks)
