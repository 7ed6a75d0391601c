"""The engine: place, preview, cancel, run, sweep."""

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from typing import Final

from bestfill import transition as to
from bestfill.decide import Known
from bestfill.engine.asking import ask
from bestfill.engine.desk import Desk
from bestfill.engine.execution import Execution
from bestfill.errors import Cancelled, Conflict, StoreError, ValidationError
from bestfill.events import OrderEvent
from bestfill.machine import IllegalTransition
from bestfill.order import IdempotencyKey, Order, OrderRequest
from bestfill.policy import ExecutionPolicy
from bestfill.ports import Clock, Entropy, Network, Notifier, OrderQueue, OrderStore, Venue
from bestfill.routing import Decision, compare
from bestfill.units import Millis, OrderId, uuid7

CANCEL_S: Final = 1.8
"""How long whoever cancels an order waits for the store, which may take longer to settle a doubt."""

log = logging.getLogger(__name__)


class Engine:
    """Executes market orders over its ports. Any number of engines may share a store, a queue and a network.

    Raises:
        ValueError: no venue is given, or two share a name.
    """

    def __init__(
        self,
        *,
        store: OrderStore,
        queue: OrderQueue,
        notifier: Notifier,
        network: Network,
        venues: Sequence[Venue],
        clock: Clock,
        entropy: Entropy,
        policy: ExecutionPolicy,
    ) -> None:
        by_name = {venue.name: venue for venue in venues}
        if not venues or len(by_name) != len(venues):
            raise ValueError("the engine needs at least one venue, each with a name of its own")
        self._desk = Desk(
            store=store,
            queue=queue,
            notifier=notifier,
            network=network,
            venues=by_name,
            clock=clock,
            entropy=entropy,
            policy=policy,
        )

    async def place(self, request: OrderRequest, key: str | None = None) -> Order:
        """Accept an order: store it, then wake a worker. The same key and request give the first order again.

        Raises:
            ValidationError: the slippage is above what the policy allows, or `expires_at` is past.
            Conflict: the key was used with another request.
            StoreError: whether the order was stored is not known; with a key, asking again is safe.
        """
        desk, now = self._desk, self._desk.clock.now()
        self._check_slippage(request)
        once = IdempotencyKey(user_id=request.user_id, key=key, digest=_digest(request)) if key else None
        if request.expires_at is not None and request.expires_at <= now:
            if once is not None and (before := await desk.store.replay(once)) is not None:
                return before
            raise ValidationError("must be in the future", "expiresAt")
        expires_at = request.expires_at or Millis(now + desk.policy.order_ttl_ms)
        new = to.place(uuid7(now, desk.entropy.bits(74)), request, expires_at, now)
        order, event = await desk.store.place(*new, once)
        if event is not None:
            log.info("order accepted", extra={"order_id": order.id, "user_id": order.user_id})
            await desk.announce(event)
            await desk.wake(order.id)
        return order

    async def preview(self, request: OrderRequest) -> Decision:
        """Say what an order would be offered now; nothing is stored.

        Raises:
            ValidationError: the slippage is above what the policy allows.
        """
        self._check_slippage(request)
        asked = request.quote_request
        answers = await ask(self._desk.venues, asked, self._desk.policy.quote_timeout_ms)
        return compare(asked, answers, request.min_amount_out)

    async def cancel(self, order_id: OrderId) -> Order:
        """End an order that has not been signed.

        Raises:
            OrderNotFound: there is no such order.
            Conflict: it is signed, or has ended.
            StoreError: whether it was cancelled is not known; asking again is safe.
        """
        try:
            async with asyncio.timeout(CANCEL_S):
                order, event = await self._cancel(order_id)
        except TimeoutError as error:
            raise StoreError("the store does not answer; whether the order was cancelled is not known") from error
        log.info("order cancelled", extra={"order_id": order_id})
        await self._desk.announce(event)
        return order

    async def _cancel(self, order_id: OrderId) -> tuple[Order, OrderEvent | None]:
        store = self._desk.store
        while True:
            order = await store.get(order_id)
            attempt = await store.attempt(order_id, order.attempt)
            reason = Cancelled("the user cancelled the order")
            try:
                move = to.cancel(order, attempt, reason, self._desk.clock.now())
            except IllegalTransition:
                raise Conflict(f"the order is {order.status} and can't be cancelled any more") from None
            try:
                return move.order, await store.commit(move)
            except Conflict:
                continue  # a worker moved it on meanwhile: look again

    async def run(self, order_id: OrderId) -> bool:
        """Take an order as far as it goes now; say whether it has ended.

        Safe to call anywhere, any number of times, at once.

        Raises:
            OrderNotFound: there is no such order.
            StoreError: the store cannot be reached; the order's lease will pass, and a sweep will find it.
        """
        return await self._execute(await self._desk.store.get(order_id), Known())

    async def resume(self, order: Order) -> bool:
        """Do the same with an order that `sweep` has claimed."""
        return await self._execute(order, Known(held=True))

    async def give_back(self, order: Order) -> None:
        """Give up an order that `sweep` has claimed, so that nobody need wait for its lease to pass."""
        await self._give_back(Execution(self._desk, order, Known(held=True)))

    async def pass_on(self, order_ids: Sequence[OrderId]) -> None:
        """Have other workers woken for these orders; a hint."""
        for order_id in order_ids:
            await self._desk.wake(order_id)

    async def sweep(self, limit: int, overdue_ms: int = 0) -> list[Order]:
        """Claim at most `limit` orders that have been due for so long, and that nobody works on, for `resume`."""
        now = self._desk.clock.now()
        return await self._desk.store.claim_due(Millis(now - overdue_ms), self._desk.lease(now), limit)

    async def _execute(self, order: Order, known: Known) -> bool:
        execution = Execution(self._desk, order, known)
        self._desk.load.in_hand += 1
        try:
            await execution.run()
        except Conflict:
            log.info("order is in other hands", extra={"order_id": order.id})
            return False
        except asyncio.CancelledError:
            await self._give_back(execution)
            raise
        finally:
            self._desk.load.in_hand -= 1
        return execution.order.status.terminal

    async def _give_back(self, execution: Execution) -> None:
        await execution.give_back()
        if not execution.order.status.terminal:
            await self._desk.wake(execution.order.id)

    def _check_slippage(self, request: OrderRequest) -> None:
        most = self._desk.policy.max_slippage_bps
        if request.slippage_bps > most:
            raise ValidationError(f"must be at most {most} basis points", "slippageBps")


def _digest(request: OrderRequest) -> str:
    parts = (
        request.token_in.mint,
        request.token_out.mint,
        request.amount_in,
        request.min_amount_out,
        request.slippage_bps,
        request.expires_at,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()
