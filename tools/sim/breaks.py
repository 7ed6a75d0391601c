"""The safety rules, each with a way to take it out from outside: what the simulator must then notice."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final
from unittest.mock import patch

from attrs import evolve, field, frozen

from bestfill import decide
from bestfill.decide import Fail, Known, Retry, Send, Step, Submit
from bestfill.engine import Engine, execution
from bestfill.engine.execution import Execution
from bestfill.errors import BlockhashExpired
from bestfill.events import OrderEvent
from bestfill.order import Attempt, Order, Status
from bestfill.policy import ExecutionPolicy
from bestfill.quote import Height, SignedSwap, SwapOutcome, SwapStatus
from bestfill.testing.store import MemoryStore
from bestfill.transition import Transition
from bestfill.units import Millis
from bestfill.vetting import check_seen
from tools.sim.store import SimStore, kind
from tools.sim.wire import at_once
from tools.sim.world import Parts

TIMEOUT_MS: Final = 5_000


@frozen(kw_only=True)
class Break:
    """A rule taken out: `parts` and `patched` are what the world runs with instead."""

    means: str
    parts: Parts = field(factory=Parts)
    patched: Callable[[], AbstractContextManager[Any]] = field(default=nullcontext)


def _impatient(
    order: Order, attempt: Attempt | None, known: Known, policy: ExecutionPolicy, now: Millis, *more: Any
) -> Step:
    waited_ms = now - attempt.submitted_at if attempt is not None and attempt.submitted_at is not None else 0
    if order.status is Status.SUBMITTED and known.held and waited_ms > TIMEOUT_MS:
        error = BlockhashExpired("the swap was not included in time")
        return Retry(error) if order.attempt < policy.max_attempts else Fail(error)
    return decide.decide(order, attempt, known, policy, now, *more)


def _hasty(
    order: Order, attempt: Attempt | None, known: Known, policy: ExecutionPolicy, now: Millis, *more: Any
) -> Step:
    step = decide.decide(order, attempt, known, policy, now, *more)
    return Send(step.signed) if isinstance(step, Submit) and known.sent_at is None else step


async def _status_then_height(self: Execution, signed: SignedSwap) -> tuple[Height, SwapStatus]:
    status = await self.desk.network.status(signed)
    height = await self.desk.network.height()
    check_seen(height, status)
    return height, status


def _thought_dead(signed: SignedSwap, height: Height, status: SwapStatus) -> bool:
    return height.block_height > signed.last_valid_block_height and status.outcome is SwapOutcome.NOT_FOUND


@contextmanager
def _status_before_height() -> Iterator[None]:
    with (
        patch.object(Execution, "_height_then_status", _status_then_height),
        patch.object(decide, "proven_dead", _thought_dead),
    ):
        yield


class _SignsTwice(MemoryStore):
    """Records a signature although another worker has moved the order on, and may have signed it too."""

    async def commit(self, transition: Transition) -> OrderEvent | None:
        attempt, now = transition.attempt, await self.get(transition.order.id)
        # Whoever is but one move behind would come to the right version by itself, and write a story with a gap.
        late = now.version > transition.order.version and not now.status.terminal
        if attempt is None or kind(transition) != "submitted" or not late:
            return await super().commit(transition)
        self._attempts[now.id][attempt.number] = attempt
        return transition.event


class _Overwrites(MemoryStore):
    """Writes a row whatever has become of it meanwhile."""

    async def commit(self, transition: Transition) -> OrderEvent | None:
        now = await self.get(transition.order.id)
        return await super().commit(evolve(transition, expected_version=now.version))


class _Appends(MemoryStore):
    """Takes an event by itself."""

    def append(self, event: OrderEvent) -> OrderEvent:
        return self._append(event)


class _TwoTransactions(SimStore):
    """Commits the row, and then its event."""

    async def commit(self, transition: Transition) -> OrderEvent | None:
        event, store = transition.event, self.inner
        row = evolve(transition, event=None)
        await self.wire.ask(f"commit {kind(transition)}", lambda: at_once(store.commit(row)), 4)
        if event is None or not isinstance(store, _Appends):
            return None
        return await self.wire.ask("commit event", lambda: store.append(event), 4)


class _Sweepless(Engine):
    """Finds nothing that is due."""

    async def sweep(self, limit: int, overdue_ms: int = 0) -> list[Order]:
        return []


BREAKS: Final[Mapping[str, Break]] = {
    "resign-on-timeout": Break(
        means="a swap that is not seen within 5 s is taken for dead",
        patched=lambda: patch.object(execution, "decide", _impatient),
    ),
    "no-unique-live-signature": Break(
        means="a signature is recorded although the order has a live one", parts=Parts(store=_SignsTwice)
    ),
    "send-before-commit": Break(
        means="a swap is sent before it is recorded", patched=lambda: patch.object(execution, "decide", _hasty)
    ),
    "status-before-height": Break(
        means="a swap is taken for dead by a status older than the height", patched=_status_before_height
    ),
    "no-version-check": Break(
        means="a row is written whatever has become of it meanwhile", parts=Parts(store=_Overwrites)
    ),
    "no-sweep": Break(means="nobody looks for orders that are due", parts=Parts(engine=_Sweepless)),
    "event-and-row-in-two-transactions": Break(
        means="an event is written after its row", parts=Parts(store=_Appends, store_door=_TwoTransactions)
    ),
}
