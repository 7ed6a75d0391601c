"""Does to the deployment what the plan says: one method a kind of fault."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from attrs import define, field
from redis.asyncio import Redis as AsyncRedis

from bestfill.units import OrderId
from tools.chaos import messages, troubles
from tools.chaos.crowd import Crowd
from tools.chaos.journal import OWN, Journal
from tools.chaos.plan import KINDS, Fault, Plan
from tools.chaos.proxy import Proxy
from tools.chaos.recovery import Watch
from tools.chaos.service import Service
from tools.servers import Postgres, Valkey

DELAY_S: Final = (0.01, 0.1)
"""How late a slow way passes bytes on, each time."""
SOME: Final = 200
"""So many messages are made of what was seen, at the most."""
LATE_MS: Final = 2_000
"""By how much messages that are put out of order are delayed at the most."""


@define(kw_only=True, eq=False)
class Havoc:
    """The parts of the deployment, and who is to be told of what is done to them."""

    plan: Plan
    postgres: Postgres
    valkey: Valkey
    to_postgres: Proxy
    to_redis: Proxy
    services: Mapping[str, Service]
    clients: Crowd
    watch: Watch
    journal: Journal
    dice: random.Random = field(init=False)
    _postgres_turn: asyncio.Lock = field(factory=asyncio.Lock)
    _redis_turn: asyncio.Lock = field(factory=asyncio.Lock)

    def __attrs_post_init__(self) -> None:
        self.dice = self.plan.dice("havoc")

    async def run(self, faults: Sequence[Fault]) -> None:
        """Do them all, each at its time; return when all is mended."""
        async with asyncio.TaskGroup() as tasks:
            for fault in faults:
                tasks.create_task(self._at_its_time(fault))

    async def _at_its_time(self, fault: Fault) -> None:
        await asyncio.sleep(max(0.0, fault.at_s - self.journal.now_s))
        if fault.kind in troubles.KINDS:
            self._count(fault)  # the workers know by themselves
        elif fault.whom:
            await self._to_service(fault, self.services[fault.whom])
        else:
            await self._to_server(fault)

    def _count(self, fault: Fault) -> None:
        self.journal.faults[fault.kind] += 1
        self.journal.note(OWN, str(fault))

    async def _begun(self, fault: Fault) -> None:
        self._count(fault)
        if KINDS[fault.kind].stops:
            await self.watch.wound(str(fault))

    async def _to_service(self, fault: Fault, service: Service) -> None:
        await service.ready.wait()
        match fault.kind:
            case "worker killed" | "API killed":
                service.kill()
            case "worker killed, its minder not":
                while not await service.kill_alone():
                    await service.ready.wait()
            case "worker told to stop":
                service.leave()
            case "worker paused":
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(service.pause(fault.lasts_s))
                    await self._begun(fault)
                return
            case _:
                raise ValueError(fault.kind)
        await self._begun(fault)

    async def _to_server(self, fault: Fault) -> None:
        acts: Mapping[str, tuple[asyncio.Lock, Callable[[Fault], Awaitable[None]]]] = {
            "PostgreSQL restarted": (self._postgres_turn, self._away(self.postgres, self.postgres.stop)),
            "PostgreSQL killed": (self._postgres_turn, self._away(self.postgres, self.postgres.kill)),
            "PostgreSQL back ends terminated": (self._postgres_turn, self._back_ends_terminated),
            "PostgreSQL connections cut": (self._postgres_turn, self._cut(self.to_postgres)),
            "PostgreSQL answers lost": (self._postgres_turn, self._answers_lost),
            "PostgreSQL unreachable": (self._postgres_turn, self._unreachable(self.to_postgres)),
            "PostgreSQL slow": (self._postgres_turn, self._slow(self.to_postgres)),
            "Redis flushed": (self._redis_turn, self._redis_flushed),
            "Redis killed, back empty": (self._redis_turn, self._away(self.valkey, self.valkey.kill)),
            "Redis paused": (self._redis_turn, self._redis_paused),
            "Redis clients paused": (self._redis_turn, self._redis_clients_paused),
            "Redis connections cut": (self._redis_turn, self._cut(self.to_redis)),
            "Redis unreachable": (self._redis_turn, self._unreachable(self.to_redis)),
            "Redis slow": (self._redis_turn, self._slow(self.to_redis)),
            "messages duplicated": (self._redis_turn, self._duplicated),
            "messages reordered": (self._redis_turn, self._reordered),
        }
        turn, act = acts[fault.kind]
        async with turn:  # one thing at a time to each server
            await self._begun(fault)
            await act(fault)

    async def _back_ends_terminated(self, _: Fault) -> None:
        await undisturbed(self.postgres.cut_connections)

    async def _answers_lost(self, _: Fault) -> None:
        self.to_postgres.lose_answers()

    async def _redis_flushed(self, _: Fault) -> None:
        await undisturbed(self.valkey.flush)

    async def _redis_paused(self, fault: Fault) -> None:
        self.valkey.pause()
        try:
            await asyncio.sleep(fault.lasts_s)
        finally:
            self.valkey.resume()

    async def _redis_clients_paused(self, fault: Fault) -> None:
        async with AsyncRedis.from_url(self.valkey.url) as client:
            await client.client_pause(round(fault.lasts_s * 1000))
        await asyncio.sleep(fault.lasts_s)

    def _away(self, server: Postgres | Valkey, end: Callable[[], None]) -> Callable[[Fault], Awaitable[None]]:
        async def act(fault: Fault) -> None:
            await undisturbed(end)
            await asyncio.sleep(fault.lasts_s)
            await undisturbed(server.start)

        return act

    def _cut(self, proxy: Proxy) -> Callable[[Fault], Awaitable[None]]:
        async def act(_: Fault) -> None:
            proxy.cut()

        return act

    def _unreachable(self, proxy: Proxy) -> Callable[[Fault], Awaitable[None]]:
        async def act(fault: Fault) -> None:
            proxy.block()
            try:
                await asyncio.sleep(fault.lasts_s)
            finally:
                proxy.unblock()

        return act

    def _slow(self, proxy: Proxy) -> Callable[[Fault], Awaitable[None]]:
        async def act(fault: Fault) -> None:
            proxy.slow(self.dice.uniform(*DELAY_S))
            try:
                await asyncio.sleep(fault.lasts_s)
            finally:
                proxy.slow(0)

        return act

    async def _duplicated(self, _: Fault) -> None:
        """Wake workers once more for orders that are in flight, and for some that have ended."""
        seen = [*self.watch.in_flight, *self.dice.sample([*self.clients.orders], min(SOME, len(self.clients.orders)))]
        ids = [OrderId(order_id) for order_id in self.dice.sample(seen, min(SOME, len(seen)))]
        if ids:
            await undisturbed(lambda: messages.wake(self.valkey.url, [(ids, 0), (ids[::-1], 0)], ids))

    async def _reordered(self, _: Fault) -> None:
        """Shuffle what waits, and have the newest orders woken for first, each by a message of its own, some late."""
        ids = [OrderId(order_id) for order_id in sorted(self.watch.in_flight, reverse=True)[:SOME]]
        batches = [([order_id], self.dice.choice((0, self.dice.randint(1, LATE_MS)))) for order_id in ids]
        await undisturbed(lambda: messages.shuffle(self.valkey.url, self.dice))
        if ids:
            await undisturbed(lambda: messages.wake(self.valkey.url, batches, ids))


async def undisturbed(call: Callable[[], Any]) -> None:
    """Make a blocking call in a thread, and see it end even if this task is cancelled meanwhile."""
    task = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
