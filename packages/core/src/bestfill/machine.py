"""The order's state machine: every move there is."""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bestfill.order import Status


class Trigger(enum.StrEnum):
    """What moves an order."""

    START = "start"
    """A worker takes it."""
    CHOOSE = "choose"
    """A venue is chosen."""
    SIGN = "sign"
    """A signed swap is recorded."""
    LAND = "land"
    """The swap is proven to have landed."""
    FLAG = "flag"
    """Nobody can tell what became of the swap; a person must look."""
    RETRY = "retry"
    """The attempt failed and another is allowed; once signed, only when the signature is proven dead."""
    FAIL = "fail"
    """The order ends without a swap; once signed, only when the signature is proven dead."""
    CANCEL = "cancel"
    """The user ends it; possible only while nothing is signed."""


_S, _T = Status, Trigger

TRANSITIONS: Final[Mapping[tuple[Status, Trigger], Status]] = MappingProxyType(
    {
        (_S.PENDING, _T.START): _S.ROUTING,
        (_S.PENDING, _T.FAIL): _S.FAILED,  # it expired while it waited, or a bound forbids it
        (_S.PENDING, _T.CANCEL): _S.FAILED,
        (_S.ROUTING, _T.CHOOSE): _S.BUILDING,
        (_S.ROUTING, _T.RETRY): _S.PENDING,
        (_S.ROUTING, _T.FAIL): _S.FAILED,
        (_S.ROUTING, _T.CANCEL): _S.FAILED,
        (_S.BUILDING, _T.SIGN): _S.SUBMITTED,
        (_S.BUILDING, _T.RETRY): _S.PENDING,
        (_S.BUILDING, _T.FAIL): _S.FAILED,
        (_S.BUILDING, _T.CANCEL): _S.FAILED,  # the signer's commit then conflicts, so nothing is sent
        (_S.SUBMITTED, _T.LAND): _S.CONFIRMED,
        (_S.SUBMITTED, _T.FLAG): _S.SUBMITTED,
        (_S.SUBMITTED, _T.RETRY): _S.PENDING,
        (_S.SUBMITTED, _T.FAIL): _S.FAILED,
    }
)


class IllegalTransition(ValueError):
    """The table has no such move."""


def next_status(status: Status, trigger: Trigger) -> Status:
    """Look a move up.

    Raises:
        IllegalTransition: the table has no such move.
    """
    if (target := TRANSITIONS.get((status, trigger))) is None:
        raise IllegalTransition(f"{trigger} is not possible from {status}")
    return target


def mermaid() -> str:
    """Draw the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> pending"]
    lines += [f"    {source} --> {target}: {trigger}" for (source, trigger), target in TRANSITIONS.items()]
    lines += [f"    {status} --> [*]" for status in Status if status.terminal]
    return "\n".join(lines)
