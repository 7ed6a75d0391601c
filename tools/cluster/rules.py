"""How a chain and its nodes behave; what is left to chance, its seed decides."""

from typing import Final

from attrs import field, frozen
from attrs.validators import and_, ge, instance_of, le, optional

FIRST_SLOT: Final = 1_000
FIRST_HEIGHT: Final = 900
"""There have been blocks before, and slots without one."""
REMEMBERED: Final = 1_024
"""For so many slots the accounts are known as they were: no node lags, and no fork reaches, further back."""

_rate = and_(instance_of((int, float)), ge(0), le(1))
_count = and_(instance_of(int), ge(0))
_some = and_(instance_of(int), ge(1))
_view = and_(instance_of(int), ge(0), le(REMEMBERED // 2))


@frozen(kw_only=True)
class Rules:
    """The defaults are those of a cluster without faults. Rates are from 0 to 1; ranges are (least, most)."""

    slot_ms: int = field(default=400, validator=_some)
    skipped: float = field(default=0.04, validator=_rate)
    """So many slots have no block."""
    window: int = field(default=150, validator=_some)
    """For so many blocks after its own a blockhash is good."""
    confirmed: int = field(default=2, validator=_view)
    finalized: int = field(default=32, validator=_view)
    """How many slots old a block must be for these commitments."""
    delay: tuple[int, int] = (1, 3)
    """After how many blocks what was sent lands."""
    late: float = field(default=0.0, validator=_rate)
    """So many transactions land at any block up to their last valid one instead, every third exactly in that."""
    loss: float = field(default=0.0, validator=_rate)
    """So many sends never arrive where blocks are made."""
    forks: float = field(default=0.0, validator=_rate)
    """In so many slots another fork wins, which drops the last blocks."""
    fork_slots: int = field(default=8, validator=_some)
    """The most slots that a fork drops; what is finalized it never drops."""
    returns: float = field(default=0.5, validator=_rate)
    """So many dropped transactions land again, if their blockhash is still good."""
    nodes: int = field(default=1, validator=_some)
    lag: int = field(default=0, validator=_view)
    """The most slots that a node is behind; how many, each node draws anew every few slots."""
    history: int | None = field(default=None, validator=optional(_some))
    """For how many slots nodes know blocks and transactions; None for ever."""
    fee: int = field(default=2_000, validator=_count)
    """The most micro-lamports a compute unit that others pay in a block."""
    lost_requests: float = field(default=0.0, validator=_rate)
    lost_replies: float = field(default=0.0, validator=_rate)
    busy: float = field(default=0.0, validator=_rate)
    """So many calls never reach the node, are carried out but never answered, are refused with 429."""
    latency_ms: tuple[int, int] = (0, 0)
    """How long an answer takes."""
