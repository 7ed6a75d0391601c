"""One worker's hold on one order: performs the steps that `decide` gives, one at a time."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import TypeVar

from bestfill import decide as step
from bestfill import transition as to
from bestfill.decide import Known, decide
from bestfill.engine.asking import ask, unexpected
from bestfill.engine.desk import Desk
from bestfill.errors import BestfillError, Conflict, ExecutionError, StoreError, SwapReverted, VenueUnavailable
from bestfill.order import Attempt, AttemptOutcome, Order, Status, revised
from bestfill.quote import Height, Leg, Quote, SignedSwap, SwapPlan, SwapStatus
from bestfill.retry import PERMILLE, backoff_ms
from bestfill.routing import compare
from bestfill.transition import Transition
from bestfill.units import BaseUnits, Millis
from bestfill.vetting import check_leg, check_seen, check_signed

T = TypeVar("T")
log = logging.getLogger(__name__)


class Execution:
    """What is stored of an order, and what this worker knows besides. May be killed at any await."""

    def __init__(self, desk: Desk, order: Order, known: Known) -> None:
        self.desk, self.order, self.known = desk, order, known
        self.attempt: Attempt | None = None
        self._moving: Transition | None = None
        """What is being committed; once this is cut short, what may have been."""

    async def run(self) -> None:
        """Take the order as far as it goes now.

        Raises:
            Conflict: another worker has the order, or its user cancelled it.
            StoreError: the store cannot be reached.
        """
        if self.order.status is not Status.PENDING:
            self.attempt = await self.desk.store.attempt(self.order.id, self.order.attempt)
            if self.known.held:
                self._tell_if_taken_over()
        try:
            await self._go_on()
        except BestfillError:
            raise
        except Exception as error:
            log.exception("a step failed in an unforeseen way", extra=self._about())
            if self.attempt is None or not self.known.held:
                raise
            # Otherwise it would be repeated for ever, at each lease, unseen.
            self.known.error = ExecutionError(unexpected("a step", error))
            await self._go_on()

    async def give_back(self) -> None:
        """Give up the lease, so that another worker need not wait for it to pass."""
        if self.order.status.terminal or not (self.known.held or self._moving):
            return
        try:
            try:
                # A store writes what is about one order in turn: so this comes after a commit that was cut short.
                await self._let_go(self.order)
            except Conflict:
                move = self._moving
                if move is None or move.order.status is Status.PENDING or move.order.status.terminal:
                    return  # nothing is held by it
                # The whole row: one of the same version may be another worker's.
                if await self.desk.store.get(self.order.id) == move.order:
                    await self._let_go(move.order)
        except StoreError:
            log.info("lease not given back; it will pass", extra={"order_id": self.order.id})

    async def _let_go(self, order: Order) -> None:
        await self.desk.store.commit(to.hold(order, self.desk.clock.now()))

    async def _go_on(self) -> None:
        task = asyncio.current_task()
        while await self._advance():
            if task is not None and task.cancelling():
                raise asyncio.CancelledError  # an adapter swallowed it, and would do so at each step

    async def _advance(self) -> bool:  # noqa: C901 - one row a step
        """Perform the next step; say whether there may be another."""
        desk, order, now = self.desk, self.order, self.desk.clock.now()
        if order.status is not Status.SUBMITTED:  # what is signed goes on
            self.known.halted = desk.halted
        match decide(order, self.attempt, self.known, desk.policy, now, desk.load.in_hand, desk.mandate):
            case step.Done() | step.Leave():
                if order.status is Status.FAILED:  # whoever made it so may not have known that it did
                    await desk.release(order)
                return False
            case step.Claim():
                await self._commit(to.hold(order, desk.lease(now)), self.known)
                if not self.known.held:
                    self._tell_if_taken_over()
                self.known.held = True
            case step.Start():
                await self._commit(to.start(order, desk.lease(now), now))
                log.debug("order started", extra=self._about())
            case step.AskQuotes():
                await self._ask_quotes()
            case step.Choose(decision):
                await self._commit(to.choose(order, self._present(), decision, desk.lease(now), now))
                reasons = {c.venue: c.reason for c in decision.considered}
                log.debug("order routed", extra=self._about(dex=self.order.dex_selected, reasons=reasons))
            case step.Reserve():
                self.known.reserved = await desk.reserve(order)
            case step.Build(quote):
                await self._build(quote)
            case step.Submit(signed):
                await self._commit(to.sign(order, self._present(), signed, desk.lease(now), now))
            case step.Send(signed):
                desk.telemetry.sent(order, again=self.known.sent_at is not None)
                await self._ask_network(desk.network.send(signed))
                self.known.sent_at = desk.clock.now()
            case step.Poll(signed):
                await self._poll(signed)
            case step.Pause(until):
                await desk.clock.sleep_until(until)
            case step.Confirm(fill):
                await self._commit(to.land(order, self._present(), fill, now))
                log.info("order confirmed", extra=self._about(dex=order.dex_selected, tx_hash=order.tx_hash))
            case step.Flag(reason):
                await self._commit(to.flag(order, self._present(), reason, desk.lease(now), now), self.known)
                log.error("order needs a person", extra=self._about(reason=reason))
            case step.Rest(until):
                await self._commit(to.hold(order, until), Known())
                await desk.wake(order.id, until - now)
                return False
            case step.Retry(error):
                await self._retry(error, now)
                return False
            case step.Fail(error):
                await self._fail(error, now)
        return True

    async def _commit(self, move: Transition, known: Known | None = None) -> None:
        self._moving = move
        event = await self.desk.store.commit(move)
        self._moving = None
        before, self.order = self.order, move.order
        self.attempt = move.attempt or self.attempt
        self.known = known or Known(held=True)
        if event is not None:
            self.desk.telemetry.moved(before, move)
        await self.desk.announce(event)

    async def _ask_quotes(self) -> None:
        request = self.order.quote_request
        answers = await ask(self.desk.venues, request, self.desk.policy.quote_timeout_ms, self.desk.telemetry)
        self.known.decision = compare(request, answers, self.order.min_amount_out, self.desk.mandate)

    async def _build(self, quote: Quote) -> None:
        attempt = self._present()
        try:
            with self.desk.patience.within(self.desk.policy.build_timeout_ms):
                venue = self.desk.venues.get(quote.venue)
                if venue is None or attempt.min_out is None:
                    raise VenueUnavailable(f"{quote.venue} is not in use any more")
                leg = await venue.leg(quote, attempt.min_out)
                check_leg(quote, attempt.min_out, leg)
                plan = _plan(self.order, attempt.min_out, leg)
                if self.desk.halted:
                    return  # while the leg was made; the next step puts the order down
                signed = await self.desk.network.sign(plan)
                check_signed(signed)
        except BestfillError as error:
            self.known.error = error
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - somebody else's code; nothing is sent yet
            _unless_cancelled(error)
            self.known.error = ExecutionError(unexpected("building the swap", error))
        else:
            self.attempt = revised(attempt, route=plan.route)
            self.known.signed = signed

    async def _poll(self, signed: SignedSwap) -> None:
        seen = await self._ask_network(self._height_then_status(signed))
        self.known.height, self.known.status = seen or (None, None)
        self.known.polls += 1
        self.known.polled_at = self.desk.clock.now()

    async def _height_then_status(self, signed: SignedSwap) -> tuple[Height, SwapStatus]:
        """In this order: only a status that is not older than the height can prove the signature dead."""
        height = await self.desk.network.height()
        status = await self.desk.network.status(signed)
        check_seen(height, status)
        return height, status

    async def _ask_network(self, question: Awaitable[T]) -> T | None:
        """Whatever goes wrong here says nothing about the swap, so it is only noted."""
        try:
            with self.desk.patience.within(self.desk.policy.network_timeout_ms):
                return await question
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001
            _unless_cancelled(error)
            reason = error.reason if isinstance(error, BestfillError) else unexpected("the network", error)
            log.warning("network unavailable", extra=self._about(reason=reason))
            self.desk.telemetry.network_failed(self.order)
            return None

    async def _retry(self, error: BestfillError, now: Millis) -> None:
        order, attempt = self.order, self._with_quotes(self._present())
        wait = backoff_ms(order.attempt, self.desk.entropy.bits(16) % PERMILLE)
        retry_at = Millis(max(now, min(now + wait, order.expires_at)))
        await self._commit(to.retry(order, attempt, error, _outcome(attempt, error), retry_at, now), Known())
        log.info("order will be retried", extra=self._about(reason=error.reason, wait_ms=retry_at - now))
        self.desk.denied(order, error)
        await self.desk.wake(order.id, retry_at - now)

    async def _fail(self, error: BestfillError, now: Millis) -> None:
        order, attempt = self.order, self.attempt and self._with_quotes(self.attempt)
        await self._commit(to.fail(order, attempt, error, _outcome(attempt, error), now))
        log.info("order failed", extra=self._about(code=error.code, reason=error.reason))
        self.desk.denied(order, error)
        await self.desk.release(order)

    def _tell_if_taken_over(self) -> None:
        if self.attempt is not None and self.attempt.attention is None:  # otherwise it was laid aside
            self.desk.telemetry.taken_over(self.order)

    def _present(self) -> Attempt:
        if self.attempt is None:
            raise StoreError(f"order {self.order.id} is {self.order.status} but has no attempt")
        return self.attempt

    def _with_quotes(self, attempt: Attempt) -> Attempt:
        decision = self.known.decision
        return revised(attempt, quotes=decision.considered) if decision else attempt

    def _about(self, **facts: object) -> dict[str, object]:
        return {"order_id": self.order.id, "attempt": self.order.attempt, **facts}


def _plan(order: Order, min_out: BaseUnits, leg: Leg) -> SwapPlan:
    return SwapPlan(
        order_id=order.id,
        attempt=order.attempt,
        input_mint=order.token_in,
        output_mint=order.token_out,
        amount_in=order.amount_in,
        min_out=min_out,
        route=(leg,),
    )


def _unless_cancelled(error: BaseException) -> None:
    """Go on only if this task itself is not cancelled: an adapter may let a cancellation of its own leak."""
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        raise error


def _outcome(attempt: Attempt | None, error: BestfillError) -> AttemptOutcome:
    if attempt is None or attempt.signed is None:
        return AttemptOutcome.ABANDONED
    return AttemptOutcome.REVERTED if isinstance(error, SwapReverted) else AttemptOutcome.EXPIRED
