"""The engine: place, preview, cancel, run, sweep."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Final

from bestfill import transition as to
from bestfill.decide import Known, waits_while_halted
from bestfill.engine.asking import ask
from bestfill.engine.auditor import Auditor
from bestfill.engine.desk import Desk
from bestfill.engine.execution import Execution
from bestfill.engine.switch import Switch
from bestfill.errors import Cancelled, Conflict, PolicyDenied, StoreError, ValidationError
from bestfill.events import OrderEvent
from bestfill.machine import IllegalTransition
from bestfill.mandate import HALT, Mandate
from bestfill.order import IdempotencyKey, Order, OrderRequest, Status
from bestfill.policy import ExecutionPolicy
from bestfill.ports import Clock, ControlStore, Entropy, Network, Notifier, OrderQueue, OrderStore, Telemetry, Venue
from bestfill.ports.telemetry import SILENT
from bestfill.routing import Decision, compare
from bestfill.transition import Transition
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
        telemetry: Telemetry = SILENT,
        make_mandate: Callable[[], Mandate] = Mandate,
        control: ControlStore | None = None,
        switch: Switch | None = None,
        auditor: Auditor | None = None,
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
            telemetry=telemetry,
            make_mandate=make_mandate,
            control=control,
            switch=switch,
            auditor=auditor,
        )

    @property
    def halted(self) -> bool:
        """Whether an operator has halted it, as far as this process has heard."""
        switch = self._desk.switch
        return switch is not None and switch.halt is not None

    async def place(self, request: OrderRequest, key: str | None = None) -> Order:
        """Accept an order: store it, then wake a worker. The same key and request give the first order again.

        Raises:
            ValidationError: the slippage is above what the policy allows, or `expires_at` is past.
            PolicyDenied: the operator's bounds forbid it, or the engine is halted.
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
        denied = self._denial(request)
        if denied is not None:
            return await self._first_answer(once, denied)
        expires_at = request.expires_at or Millis(now + desk.policy.order_ttl_ms)
        new = to.place(uuid7(now, desk.entropy.bits(74)), request, expires_at, now)
        if not await desk.reserve(new[0]):
            denied = desk.mandate.day_denial(request.token_in.mint, request.token_in.decimals)
            return await self._first_answer(once, denied)
        try:
            order, event = await desk.store.place(*new, once)
        except Conflict:
            await desk.release(new[0])
            raise
        if order.id != new[0].id:
            await desk.release(new[0])
        if event is not None:
            log.info("order accepted", extra={"order_id": order.id, "user_id": order.user_id})
            desk.telemetry.accepted(order, desk.clock.now())
            await desk.announce(event)
            await desk.wake(order.id)
        return order

    async def _first_answer(self, once: IdempotencyKey | None, denied: PolicyDenied) -> Order:
        """Give the order that the key stands for: what was accepted once stays so, whatever the bounds are now."""
        if once is not None and (before := await self._desk.store.replay(once)) is not None:
            return before
        self._desk.telemetry.denied(denied.rule)
        raise denied

    def _denial(self, request: OrderRequest) -> PolicyDenied | None:
        if self.halted:
            return PolicyDenied(HALT, "the operator has halted the engine: no new orders are taken until it is resumed")
        sold, bought = request.token_in, request.token_out
        return self._desk.mandate.order_denial(sold.mint, bought.mint, request.amount_in, sold.decimals)

    async def preview(self, request: OrderRequest) -> Decision:
        """Say what an order would be offered now; nothing is stored, and the day's bound is not looked at.

        Raises:
            ValidationError: the slippage is above what the policy allows.
            PolicyDenied: the operator's bounds forbid it, or the engine is halted.
        """
        self._check_slippage(request)
        if (denied := self._denial(request)) is not None:
            self._desk.telemetry.denied(denied.rule)
            raise denied
        asked = request.quote_request
        answers = await ask(self._desk.venues, asked, self._desk.policy.quote_timeout_ms, self._desk.telemetry)
        return compare(asked, answers, request.min_amount_out, self._desk.mandate)

    async def cancel(self, order_id: OrderId) -> Order:
        """End an order that has not been signed.

        Raises:
            OrderNotFound: there is no such order.
            Conflict: it is signed, or has ended.
            StoreError: whether it was cancelled is not known; asking again is safe.
        """
        try:
            async with asyncio.timeout(CANCEL_S):
                before, move, event = await self._cancel(order_id)
        except TimeoutError as error:
            raise StoreError("the store does not answer; whether the order was cancelled is not known") from error
        log.info("order cancelled", extra={"order_id": order_id})
        self._desk.telemetry.moved(before, move)
        await self._desk.announce(event)
        await self._desk.release(before)
        return move.order

    async def _cancel(self, order_id: OrderId) -> tuple[Order, Transition, OrderEvent | None]:
        store = self._desk.store
        while True:
            order = await store.get(order_id)
            attempt = await store.attempt(order_id, order.attempt)
            reason = Cancelled("the user cancelled the order")
            try:
                move = to.cancel(order, attempt, reason, self._desk.clock.now())
            except IllegalTransition:
                if order.status is Status.FAILED:  # whoever made it so may not have known that it did
                    await self._desk.release(order)
                raise Conflict(f"the order is {order.status} and can't be cancelled any more") from None
            try:
                return order, move, await store.commit(move)
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

    def waits(self, order: Order) -> bool:
        """Say whether the order, as claimed, can do nothing until the engine is resumed."""
        return self._desk.halted and waits_while_halted(order, self._desk.clock.now())

    def lapsed(self, order: Order) -> bool:
        """Say whether the lease of an order, as claimed, has passed."""
        return order.wake_at <= self._desk.clock.now()

    async def pass_on(self, order_ids: Sequence[OrderId]) -> None:
        """Have other workers woken for these orders; a hint."""
        for order_id in order_ids:
            await self._desk.wake(order_id)

    async def sweep(self, limit: int, overdue_ms: int = 0) -> list[Order]:
        """Claim at most `limit` orders that have been due for so long, and that nobody works on, for `resume`."""
        now = self._desk.clock.now()
        found = await self._desk.store.claim_due(Millis(now - overdue_ms), self._desk.lease(now), limit)
        self._desk.telemetry.swept(found)
        return found

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
