"""Ports that do what a test tells them."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from attrs import field, mutable

from bestfill.errors import ExecutionError, NetworkUnavailable
from bestfill.events import OrderEvent
from bestfill.ports import Network, Notifier, OrderQueue, Venue
from bestfill.quote import (
    Fill,
    Height,
    Leg,
    Quote,
    QuoteRequest,
    SignedSwap,
    SwapOutcome,
    SwapPlan,
    SwapStatus,
)
from bestfill.units import BaseUnits, Bps, OrderId, Signature, base58_encode


class FakeVenue(Venue):
    """Pays `amount_out` for anything, or does what `ask` does instead."""

    def __init__(
        self,
        name: str = "fake",
        amount_out: int = 1_000_000,
        impact_bps: int = 0,
        ask: Callable[[QuoteRequest], Awaitable[Quote]] | None = None,
    ) -> None:
        self._name, self.amount_out, self.impact_bps, self.ask = name, amount_out, impact_bps, ask
        self.asked = 0

    @property
    def name(self) -> str:
        """The name it was given."""
        return self._name

    async def quote(self, request: QuoteRequest) -> Quote:
        """Offer `amount_out`."""
        self.asked += 1
        if self.ask is not None:
            return await self.ask(request)
        return Quote(
            venue=self._name,
            input_mint=request.input_mint,
            output_mint=request.output_mint,
            amount_in=request.amount_in,
            amount_out=BaseUnits(self.amount_out),
            price_impact_bps=Bps(self.impact_bps),
        )

    async def leg(self, quote: Quote, min_out: BaseUnits) -> Leg:
        """Trade the quote."""
        return Leg(
            venue=self._name,
            input_mint=quote.input_mint,
            output_mint=quote.output_mint,
            amount_in=quote.amount_in,
            min_out=min_out,
            payload=str(quote.amount_out).encode(),
        )


@mutable
class FakeNetwork(Network):
    """A chain of dictionaries. Swaps land as soon as they are sent, unless a knob says otherwise.

    `lands`: whether a send lands. `reverts`: whether what lands fails. `pays`: the output that it claims,
    whatever was quoted and bound.
    `down`: every question fails. `loses_replies`: sends arrive, but raise. `lag_slots`: how far behind the node is
    that answers about signatures. `pruned`: it has forgotten them.
    """

    block_height: int = 1_000
    lands: bool = True
    reverts: bool = False
    pays: int | None = None
    down: bool = False
    loses_replies: bool = False
    lag_slots: int = 0
    pruned: bool = False
    window: int = 150
    sent: list[SignedSwap] = field(factory=list[SignedSwap])
    landed: dict[Signature, tuple[int, SwapPlan, Fill | None]] = field(
        factory=dict[Signature, tuple[int, SwapPlan, Fill | None]]
    )
    _plans: dict[Signature, SwapPlan] = field(factory=dict[Signature, SwapPlan])

    async def sign(self, plan: SwapPlan) -> SignedSwap:
        """Sign, sending nothing."""
        self._check_up()
        transaction = repr((plan, self.block_height, len(self._plans))).encode()
        signature = Signature(base58_encode(hashlib.sha512(transaction).digest()))
        self._plans[signature] = plan
        return SignedSwap(
            signature=signature,
            transaction=transaction,
            blockhash=f"hash{self.block_height}",
            last_valid_block_height=self.block_height + self.window,
        )

    async def send(self, swap: SignedSwap) -> None:
        """Receive the bytes, and let them land if they may."""
        self._check_up()
        if swap.signature not in self._plans:
            raise ExecutionError("these bytes were not signed here")
        self.sent.append(swap)
        if self.lands and self.block_height <= swap.last_valid_block_height:
            self.land(swap.signature)
        if self.loses_replies:
            raise NetworkUnavailable("the reply was lost")

    def land(self, signature: Signature) -> None:
        """Let a signed swap land now, once."""
        plan = self._plans[signature]
        out = self.pays if self.pays is not None else int(plan.route[0].payload)
        fails = self.reverts or (self.pays is None and out < plan.min_out)
        fill = None if fails else Fill(amount_in=plan.amount_in, amount_out=BaseUnits(out))
        self.landed.setdefault(signature, (self.block_height, plan, fill))

    def landings(self, order_id: OrderId) -> int:
        """Count the swaps of an order that really happened."""
        return sum(plan.order_id == order_id and fill is not None for _, plan, fill in self.landed.values())

    async def height(self) -> Height:
        """Give the height; here every slot has a block."""
        self._check_up()
        return Height(self.block_height, self.block_height)

    async def status(self, swap: SignedSwap) -> SwapStatus:
        """Say what a node sees that may lag behind."""
        self._check_up()
        slot = self.block_height - self.lag_slots
        if self.pruned:
            return SwapStatus(outcome=SwapOutcome.UNKNOWN, slot=slot)
        landing = self.landed.get(swap.signature)
        if landing is None or landing[0] > slot:
            return SwapStatus(outcome=SwapOutcome.NOT_FOUND, slot=slot)
        if landing[2] is None:
            return SwapStatus(outcome=SwapOutcome.REVERTED, slot=slot, reason="custom program error")
        return SwapStatus(outcome=SwapOutcome.LANDED, slot=slot, fill=landing[2])

    def _check_up(self) -> None:
        if self.down:
            raise NetworkUnavailable("the network is down")


class FakeQueue(OrderQueue):
    """Remembers what was woken."""

    def __init__(self) -> None:
        self.woken: list[tuple[OrderId, int]] = []

    async def wake(self, order_ids: Sequence[OrderId], delay_ms: int = 0) -> None:
        """Remember."""
        self.woken += [(order_id, delay_ms) for order_id in order_ids]


class FakeNotifier(Notifier):
    """Remembers what was published, and passes it on; `loses` says which events it does not pass on."""

    def __init__(self, loses: Callable[[OrderEvent], bool] = lambda _: False) -> None:
        self.published: list[OrderEvent] = []
        self._loses = loses
        self._subscribers: set[asyncio.Queue[Sequence[OrderEvent] | None]] = set()

    async def publish(self, events: Sequence[OrderEvent]) -> None:
        """Pass on."""
        self.published += events
        kept = [event for event in events if not self._loses(event)]
        for subscriber in self._subscribers if kept else ():
            subscriber.put_nowait(kept)

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[Sequence[OrderEvent]]]:
        """Open a subscription without bounds."""
        return self._subscribe()

    @asynccontextmanager
    async def _subscribe(self) -> AsyncGenerator[AsyncIterator[Sequence[OrderEvent]], None]:
        inbox: asyncio.Queue[Sequence[OrderEvent] | None] = asyncio.Queue()
        self._subscribers.add(inbox)

        async def batches() -> AsyncIterator[Sequence[OrderEvent]]:
            while (batch := await inbox.get()) is not None:
                yield batch

        try:
            yield batches()
        finally:
            self._subscribers.discard(inbox)
            inbox.put_nowait(None)
