"""Every misfortune there is, and how often it strikes."""

import random
from collections.abc import Mapping
from typing import Final

PER_CALL: Final[Mapping[str, float]] = {
    "store refuses": 0.01,
    "store loses its answer": 0.02,
    "store acts late": 0.01,
    "store is slow": 0.01,
    "node refuses": 0.02,
    "node loses its answer": 0.02,
    "node acts late": 0.01,
    "node is slow": 0.01,
    "node hangs": 0.01,
    "node answers garbage": 0.01,
    "venue refuses": 0.05,
    "venue is slow": 0.05,
    "venue hangs": 0.03,
    "venue answers garbage": 0.03,
    "venue does not trade the pair": 0.01,
    "queue refuses": 0.02,
    "queue loses its answer": 0.02,
    "queue is slow": 0.01,
    "notifier refuses": 0.02,
    "notifier loses its answer": 0.02,
    "notifier is slow": 0.01,
}
"""By the call that it may strike."""

PER_OCCASION: Final[Mapping[str, float]] = {
    "wake lost": 0.15,
    "wake doubled": 0.10,
    "wake delayed": 0.10,
    "event lost": 0.05,
    "event lost unnoticed": 0.05,
    "event doubled": 0.05,
    "event delayed": 0.05,
    "send dropped": 0.25,
    "send delayed": 0.10,
    "swap held until its last valid block": 0.15,
    "swap reverted": 0.05,
    "fork": 0.02,
    "answer to a client lost": 0.05,
    "socket cut": 0.30,
    "order cancelled": 0.12,
    "order sent again at once": 0.15,
    "order sent again later": 0.20,
    "key sent with another order": 0.05,
}
"""By the message, send, swap, slot, answer, socket or order that it may strike."""

PER_LOOK: Final[Mapping[str, float]] = {
    "process frozen": 0.01,
    "worker drained": 0.01,
    "clock jumps ahead": 0.02,
    "clock jumps back": 0.02,
    "queue flushed": 0.02,
    "store away": 0.004,
    "node away": 0.008,
    "queue away": 0.008,
    "notifier away": 0.008,
    "node lags": 0.04,
    "node forgets": 0.004,
    "all nodes forget": 0.0008,
}
"""By the look that misfortune takes, about twice a second."""

MORTALITY: Final = 0.003
LIFE: Final = {"worker": 230.0, "API": 500.0}
"""How many callbacks of a process run, on average, until it is killed between two of them."""


def rates(chance: random.Random) -> dict[str, float]:
    """Draw how often each misfortune strikes in a seed: some never, some often, since each may hide another."""
    usual = {**PER_CALL, **PER_OCCASION, **PER_LOOK}
    return {kind: rate * chance.choice((0.0, 0.5, 1.0, 2.0)) for kind, rate in usual.items()}
