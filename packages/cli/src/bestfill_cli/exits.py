"""By which code the command ends."""

import enum
from typing import Self


class Exit(enum.IntEnum):
    """What a script can tell from the exit code alone; `meaning` is for people."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        """Take a code with what it means."""
        made = int.__new__(cls, code)
        made._value_ = code
        made.meaning = meaning
        return made

    DONE = 0, "done; with --watch: the order is confirmed"
    FAILED = 1, "the order failed, or no venue would take it; verify or doctor found something wrong"
    REFUSED = 2, "wrong usage, or the engine refused the input; verify: nothing can be said"
    NOT_FOUND = 3, "there is no such order, or no such key"
    TOO_LATE = 4, "too late to cancel, or to rotate the key; or the idempotency key was used for another order"
    UNREACHABLE = (
        5,
        "the engine or the database does not answer or serve now; what was asked may be done all the same",
    )
    TIMED_OUT = 6, "the order had not ended within --timeout; it goes on"
    DENIED = 7, "not allowed: no key, a wrong one, one that is not good for this, or the operator's rules forbid it"
    UNFORESEEN = 70, "something that should not happen; --debug shows where"
    INTERRUPTED = 130, "interrupted; an order that was watched goes on"
    UNREAD = 141, "whoever reads the output stopped reading"


EXIT_CODES = "Exit codes:\n\n\b\n" + "\n".join(f"{code.value:>3}  {code.meaning}" for code in Exit)
"""The codes as a paragraph of a help text, whose lines stay as they are."""
