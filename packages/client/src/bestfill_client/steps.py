"""What the client's middle wants done, one step at a time, and what comes of it.

The middle is generators of steps: it decides what to send, what an answer means, when to try again, and when to stop.
A shell performs each step and sends its outcome back in. So the two shells, blocking and async, hold no policy, and the
policy can be tried without a network and without waiting.
"""

from collections.abc import Callable, Generator
from typing import Any, TypeAlias, TypeVar

import msgspec

from bestfill_client.models import Event
from bestfill_client.patience import Patience

T = TypeVar("T")


class Request(msgspec.Struct, frozen=True):
    """One HTTP request; `path` is below the base URL, with the query."""

    method: str
    path: str
    body: bytes | None = None
    idempotency_key: str | None = None


class Ask(msgspec.Struct, frozen=True):
    """Send a request. Outcome: Answer or Lost."""

    request: Request
    timeout_s: float


class Answer(msgspec.Struct, frozen=True):
    """An HTTP answer, with its headers' names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Lost(msgspec.Struct, frozen=True):
    """No answer came. Unless `sent`, nothing can have reached the engine."""

    reason: str
    sent: bool


class Pause(msgspec.Struct, frozen=True):
    """Wait. Outcome: None."""

    seconds: float


class Open(msgspec.Struct, frozen=True):
    """Connect a WebSocket; `path` is below the base URL. Outcome: Opened, Answer if it was refused, or Lost."""

    path: str
    timeout_s: float


class Opened(msgspec.Struct, frozen=True):
    """The WebSocket is connected."""


class Read(msgspec.Struct, frozen=True):
    """Take the next message; None waits for as long as it takes. Outcome: Message, Closed or Quiet."""

    timeout_s: float | None


class Message(msgspec.Struct, frozen=True):
    """A message as it came."""

    data: str | bytes


class Closed(msgspec.Struct, frozen=True):
    """The WebSocket has ended: with the engine's `code`, or without (0). `fault` is what it did wrong, if it did."""

    code: int
    reason: str
    fault: str = ""


class Quiet(msgspec.Struct, frozen=True):
    """Nothing came in time."""


class Shut(msgspec.Struct, frozen=True):
    """Close the WebSocket. Outcome: None."""


class Tell(msgspec.Struct, frozen=True):
    """Give an event to the caller, if events are what it asked for. Outcome: None."""

    event: Event


Step: TypeAlias = Ask | Pause | Open | Read | Shut | Tell
Outcome: TypeAlias = Answer | Lost | Opened | Message | Closed | Quiet | None
Steps: TypeAlias = Generator[Step, Any, T]
"""What leads to a T. The outcome of each step is as the step's class says."""


class Conditions(msgspec.Struct, frozen=True):
    """What the middle goes by.

    `where` is the engine's address for people, `timeout_s` the time for one answer, `clock` gives seconds from any
    start, `chance` a number from 0 to 1.
    """

    where: str
    patience: Patience
    timeout_s: float
    clock: Callable[[], float]
    chance: Callable[[], float]
