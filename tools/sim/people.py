"""The users: they place orders, more than once if need be, cancel some, and watch them all."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from bestfill.errors import Conflict, OrderNotFound, PolicyDenied, StoreError, ValidationError
from bestfill.mandate import HALT
from bestfill.order import Order, OrderRequest
from bestfill.testing.invariants import Answered
from bestfill.tokens import MAINNET
from bestfill.units import BaseUnits, Bps, Millis, OrderId
from tools.sim.clock import BEGIN
from tools.sim.fate import Fate
from tools.sim.process import ConnectionLost, Process
from tools.sim.readers import Gateway, Reader, read

SOL, USDC = MAINNET.resolve("SOL"), MAINNET.resolve("USDC")

PATIENCE_S: Final = 10.0
"""How long a client waits for an answer."""


class People:
    """All users, and what they were told."""

    def __init__(self, fate: Fate, gateway: Gateway, users: Sequence[str], spread_s: float) -> None:
        self._fate, self._gateway, self._users, self._spread_s = fate, gateway, users, spread_s
        self.busy = 0
        """How many still want something."""
        self.answered: list[Answered] = []
        self.accepted: dict[OrderId, str] = {}
        self.cancelled: dict[OrderId, None] = {}
        self.order_readers: dict[str, Reader] = {}
        self.user_readers: dict[str, Reader] = {}

    def begin(self, orders: int) -> None:
        """Have so many orders placed."""
        for user_id in self._users:
            self.user_readers[user_id] = reader = Reader(user_id, "userSeq")
            self._fate.spawn(read(self._fate, self._gateway, reader))
        for number in range(orders):
            self._want(self._order(number))

    def _want(self, work: Awaitable[None]) -> None:
        self.busy += 1
        self._fate.spawn(self._done(work))

    async def _done(self, work: Awaitable[None]) -> None:
        await work
        self.busy -= 1

    async def _order(self, number: int) -> None:
        fate = self._fate
        await asyncio.sleep(fate.within(0, self._spread_s))
        request, key = self._request(), f"key {number}" if fate.random.random() < 0.8 else None
        again_at_once = key is not None and fate.strikes("order sent again at once")
        places = [self._place(request, key) for _ in range(1 + again_at_once)]
        for order_id in await asyncio.gather(*places):
            if order_id is not None and order_id not in self.order_readers:
                self._follow(order_id)
                if fate.strikes("order cancelled"):
                    self._want(self._cancel(order_id))
        if key is not None and fate.strikes("order sent again later"):
            await asyncio.sleep(fate.within(0, 90))
            await self._place(request, key)
        if key is not None and (request.user_id, key) in {(a.user_id, a.key) for a in self.answered}:
            await self._misuse(request, key)

    def _follow(self, order_id: OrderId) -> None:
        self.order_readers[order_id] = reader = Reader(order_id, "seq")
        self._fate.spawn(read(self._fate, self._gateway, reader))

    def _request(self) -> OrderRequest:
        fate = self._fate
        sells = fate.random.random() < 0.5
        amount = int(fate.within(10**7, 5 * 10**9)) if sells else int(fate.within(10**6, 5 * 10**8))
        expires_at = None
        if fate.random.random() < 0.15:
            expires_at = Millis(BEGIN + int((fate.loop.time() + fate.within(5, 90)) * 1000))
        return OrderRequest(
            user_id=fate.random.choice(self._users),
            token_in=SOL if sells else USDC,
            token_out=USDC if sells else SOL,
            amount_in=BaseUnits(amount),
            min_amount_out=None if fate.random.random() < 0.5 else BaseUnits(1),
            slippage_bps=Bps(fate.random.choice((50, 100, 500))),
            expires_at=expires_at,
        )

    async def _place(self, request: OrderRequest, key: str | None) -> OrderId | None:
        while True:
            api = self._gateway.api()
            try:
                order = await self._ask(api.process, partial(api.engine.place, request, key))
            except ValidationError:
                return None  # it has expired before it was there
            except PolicyDenied as denied:
                if denied.rule != HALT:
                    return None
                await asyncio.sleep(self._fate.within(0, 10))
                continue
            except Conflict:
                self._fate.blame(f"the key {key!r} was refused with the order that it stands for")
                return None
            except (ConnectionLost, StoreError, TimeoutError):
                if key is None:
                    return None  # it may be stored; asking again might order twice
                await asyncio.sleep(self._fate.within(0, 3))
                continue
            self.accepted[order.id] = request.user_id
            if key is not None:
                self.answered.append(Answered(user_id=request.user_id, key=key, order_id=order.id))
            return order.id

    async def _misuse(self, request: OrderRequest, key: str) -> None:
        if not self._fate.strikes("key sent with another order"):
            return
        other = OrderRequest(
            user_id=request.user_id,
            token_in=request.token_in,
            token_out=request.token_out,
            amount_in=BaseUnits(request.amount_in + 1),
            slippage_bps=request.slippage_bps,
        )
        api = self._gateway.api()
        try:
            await self._ask(api.process, partial(api.engine.place, other, key))
        except (Conflict, StoreError, ConnectionLost, TimeoutError):
            return
        except PolicyDenied:
            self._fate.blame(f"the key {key!r} was not known any more")
            return
        self._fate.blame(f"the key {key!r} was taken with another order than it stands for")

    async def _cancel(self, order_id: OrderId) -> None:
        await asyncio.sleep(self._fate.within(0, 25))
        for _ in range(5):
            api = self._gateway.api()
            try:
                await self._ask(api.process, partial(api.engine.cancel, order_id))
            except OrderNotFound:
                self._fate.blame(f"{self._fate.name(order_id)} was accepted, and can't be found")
                return
            except Conflict:
                return
            except (ConnectionLost, StoreError, TimeoutError):
                await asyncio.sleep(self._fate.within(0, 2))
            else:
                self.cancelled[order_id] = None
                return

    async def _ask(self, process: Process, work: Callable[[], Awaitable[Order]]) -> Order:
        async with asyncio.timeout(PATIENCE_S):
            answer = await process.ask(work)
        if self._fate.strikes("answer to a client lost"):
            raise ConnectionLost
        return answer
