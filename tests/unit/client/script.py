"""Plays a shell for the client's middle: outcomes as a test gives them, a clock that only the steps move."""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from attrs import define, field

from bestfill_client.errors import EngineError
from bestfill_client.models import Event
from bestfill_client.patience import Patience
from bestfill_client.steps import (
    Answer,
    Ask,
    Closed,
    Conditions,
    Lost,
    Message,
    Open,
    Outcome,
    Pause,
    Quiet,
    Read,
    Shut,
    Step,
    Steps,
    Tell,
)

T = TypeVar("T")
ID = "01a20342-bf71-7304-bcda-895e8e7b2da3"
OTHER = "01a20342-bf71-7304-bcda-895e8e7b2da4"
STORY = ("pending", "routing", "building", "submitted", "confirmed")
LOST = Lost("reset by peer", sent=True)
REFUSED = Lost("connection refused", sent=False)
CUT = Closed(0, "the connection broke")


@define
class Script:
    """Gives each step that wants an outcome the next of `outcomes`; a number among them lets so many seconds pass."""

    outcomes: Iterable[Outcome | float]
    patience: Patience = field(factory=Patience)
    chance: float = 0.0
    now: float = 1_000.0
    steps: list[Step] = field(factory=list[Step])

    @property
    def on(self) -> Conditions:
        return Conditions("http://engine", self.patience, 30.0, lambda: self.now, lambda: self.chance)

    def play(self, steps: Steps[T]) -> T:
        given, outcome = iter(self.outcomes), None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                assert next(given, None) is None, "not all outcomes were wanted"
                return done.value
            self.steps.append(step)
            outcome = None
            if isinstance(step, Pause):
                self.now += step.seconds
            elif isinstance(step, Ask | Open | Read):
                outcome = next(given)
                while isinstance(outcome, float):
                    self.now += outcome
                    outcome = next(given)
                if isinstance(outcome, Quiet):
                    assert isinstance(step, Read) and step.timeout_s is not None
                    self.now += step.timeout_s

    def fails(self, steps: Steps[Any]) -> EngineError:
        """Play, and give the error in which it ends."""
        try:
            told = self.play(steps)
        except EngineError as error:
            return error
        raise AssertionError(f"it ended well: {told}")

    def of(self, kind: type[T]) -> list[T]:
        return [step for step in self.steps if isinstance(step, kind)]

    @property
    def pauses(self) -> list[float]:
        return [step.seconds for step in self.of(Pause)]

    @property
    def told(self) -> list[Event]:
        return [step.event for step in self.of(Tell)]

    @property
    def paths(self) -> list[str]:
        """Where sockets were opened, in order."""
        return [step.path for step in self.of(Open)]

    @property
    def shut(self) -> int:
        return len(self.of(Shut))


def answer(status: int, value: object, **headers: str) -> Answer:
    """Give an answer in JSON."""
    kind = "application/json" if status < 400 else "application/problem+json"
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, {"content-type": kind} | named, msgspec.json.encode(value))


def problem(status: int, code: str, detail: str = "no", **headers: str) -> Answer:
    return answer(status, {"type": "about:blank", "status": status, "code": code, "detail": detail}, **headers)


def page(status: int, **headers: str) -> Answer:
    """Give what a web server says."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, {"content-type": "text/html; charset=utf-8"} | named, b"<h1>hello</h1>")


def accepted() -> Answer:
    return answer(202, {"orderId": ID, "wsUrl": f"/ws/{ID}", "status": "pending", "createdAt": "2025-12-16T10:30:00Z"})


def order(status: str = "pending", seq: int = 1, **fields: object) -> dict[str, Any]:
    """Give an order's view."""
    return {
        "id": ID, "userId": "u", "tokenIn": "a", "tokenOut": "b", "amountIn": "1.5", "minAmountOut": None,
        "slippageTolerance": 0.5, "slippageBps": 50, "status": status, "dexSelected": None, "txHash": None,
        "executedPrice": None, "amountOut": None, "errorCode": None, "errorReason": None, "attempts": 1,
        "createdAt": "t", "updatedAt": "t", "completedAt": None, "expiresAt": "t", "seq": seq, "anythingNew": {"at": 1},
    } | fields  # fmt: skip


def event(seq: int, status: str | None = None, *, user_seq: int | None = None, order_id: str = ID) -> dict[str, Any]:
    """Give an event as it is streamed; by default the one of STORY."""
    return {
        "event": "status_update", "orderId": order_id, "seq": seq, "userSeq": user_seq or seq,
        "status": status or STORY[seq - 1], "attempt": 1, "data": {"dex": None}, "timestamp": 1_702_717_815_000,
    }  # fmt: skip


def message(seq: int, status: str | None = None, **fields: Any) -> Message:
    return Message(msgspec.json.encode(event(seq, status, **fields)).decode())


def messages(*seqs: int) -> list[Message]:
    return [message(seq) for seq in seqs]
