"""One seed: a deployment of several APIs and workers, its users and the chain, until all is at rest."""

import asyncio
from collections.abc import Callable
from typing import Any

from attrs import define, frozen

from bestfill.engine import Engine
from bestfill.policy import ExecutionPolicy
from bestfill.ports import OrderStore
from bestfill.runner import Runner
from bestfill.testing.clock import SeededEntropy
from bestfill.testing.invariants import Evidence, Violation, violations
from bestfill.testing.store import MemoryStore
from bestfill.units import Mint, OrderId
from bestfill_api.feed import Dispatcher
from tools.sim import faults
from tools.sim.chain import SLOT_S, Chain
from tools.sim.clock import SimClock
from tools.sim.fate import Fate
from tools.sim.life import Life
from tools.sim.messages import Broker, Channel, SimNotifier, SimQueue
from tools.sim.misfortune import Misfortune
from tools.sim.network import Node, SimNetwork
from tools.sim.people import SOL, USDC, People
from tools.sim.process import Process, process_kind
from tools.sim.readers import Api
from tools.sim.store import SimStore
from tools.sim.venues import SimVenue
from tools.sim.wire import LATE_S, at_once
from tools.sim.witness import Witness

APIS = 2
NODES = 4
VENUES = ("raydium", "meteora", "orca")
REST_S = 1_800.0
"""By when all must be at rest, once there are no misfortunes any more."""


@frozen(kw_only=True)
class Parts:
    """What the world is made of; a broken rule puts something else in the place of one."""

    engine: Callable[..., Engine] = Engine
    runner: Callable[..., Runner] = Runner
    store: Callable[[], OrderStore] = MemoryStore
    store_door: Callable[[Fate, Process, OrderStore], SimStore] = SimStore
    network_door: Callable[..., SimNetwork] = SimNetwork


@define(eq=False)
class Worker:
    """One worker process."""

    process: Process
    runner: Runner


class World(Life):
    """Owns everything of one seed."""

    def __init__(self, seed: int, orders: int, workers: int, parts: Parts, *, tells: bool = False) -> None:
        self.seed, self._orders, self._parts = seed, orders, parts
        self.fate = fate = Fate(seed, faults.rates, tells=tells)
        chance = fate.random
        fate.mortality = faults.MORTALITY * chance.choice((0.5, 1, 2))
        self._spread_s = max(30.0, 4.0 * orders)
        self._vigour = chance.choice((0.5, 1, 3))
        self._users = [f"user {number + 1}" for number in range(max(1, orders // 3))]
        self.chain = Chain(fate, chance.choice((4, 12, 32)), chance.choice((20, 40, 120)), self._owner)
        self.nodes = [Node(lag=chance.randrange(3)) for _ in range(NODES)]
        self.store = parts.store()
        self.policy = ExecutionPolicy(
            longest_poll_ms=chance.choice((250, 1_000, 2_000)), unanswered_ms=chance.choice((60_000, 300_000))
        )
        self.broker, self.channel = Broker(fate, self._deliver), Channel(fate)
        self.processes: list[Process] = []
        """All that there ever were."""
        self.clocks: dict[str, SimClock] = {}
        self.workers: dict[str, Worker] = {}
        self.apis: dict[str, Api] = {}
        self.people = People(fate, self, self._users, self._spread_s)
        self.rest_s = 0.0
        self.witness = Witness(fate, self.store, self.chain, self.nodes, self._users, self.people)
        self._balances = self._fund()
        self._prepare()
        for number in range(workers):
            self._start_worker(f"worker {number + 1}")
        for number in range(APIS):
            self._start_api(f"API {number + 1}")

    def judged(self) -> tuple[Evidence, list[Violation]]:
        """Give what all sides say, and what is wrong with it."""
        evidence = self.witness.evidence(self._balances)
        return evidence, violations(evidence)

    def api(self) -> Api:
        """Give some API, which may be dead."""
        return self.fate.random.choice(list(self.apis.values()))

    async def live(self) -> None:
        fate = self.fate
        self._tick()
        self.people.begin(self._orders)
        misfortune = fate.spawn(Misfortune(self).go_about())
        await asyncio.sleep(fate.within(2, 3.5) * self._spread_s)
        misfortune.cancel()
        self._calm()
        begin = fate.loop.time()
        await asyncio.sleep(LATE_S)  # what was said to have failed may come yet
        while self.rest_s < REST_S and not self.witness.at_rest():
            await asyncio.sleep(1)
            self.rest_s = fate.loop.time() - begin
        # Whatever was signed may land until its blockhash has expired, and that is final.
        last = max((swap.last_valid_block_height for _, swap, _ in self.chain.signed.values()), default=0)
        while self.chain.height(self.chain.final_slot) <= last:  # noqa: ASYNC110
            await asyncio.sleep(1)
        fate.tell("all is at rest" if self.witness.at_rest() else "it does not come to rest")

    def _calm(self) -> None:
        fate = self.fate
        fate.tell("from here on there are no misfortunes")
        fate.calm()
        for process in self.processes:
            process.spare()
            process.thaw()
        for clock in self.clocks.values():
            clock.ahead_ms = int(fate.within(-200, 200))
        for node in self.nodes:
            node.recover()

    def _fund(self) -> dict[tuple[str, Mint], int]:
        """Give the users and the pools what they trade; some users soon run out of it."""
        balances = self.chain.balances
        for user_id in self._users:
            balances[user_id, SOL.mint] = self.fate.random.choice((10**10, 10**12))
            balances[user_id, USDC.mint] = self.fate.random.choice((10**9, 10**12))
        for venue in VENUES:
            balances[f"pool {venue}", SOL.mint] = balances[f"pool {venue}", USDC.mint] = 10**15
        return dict(balances)

    def _tick(self) -> None:
        self.chain.advance()
        self.fate.later(SLOT_S, self._tick)

    def _owner(self, order_id: OrderId) -> str:
        return at_once(self.store.get(order_id)).user_id

    def _deliver(self, order_id: OrderId) -> None:
        worker = self.fate.random.choice(list(self.workers.values()))
        worker.process.soon(worker.runner.offer, (order_id,))  # with a dead one, the message is lost

    def _process(self, name: str, restart: Callable[[str], None]) -> Process:
        fate = self.fate
        life = None
        if fate.mortality:
            life = int(fate.random.expovariate(1 / (faults.LIFE[process_kind(name)] * self._vigour)))

        def died() -> None:
            fate.later(fate.within(0.05, 8), restart, name)

        process = Process(fate, name, life, died)
        self.processes.append(process)
        self.clocks[name] = SimClock(process, int(fate.random.gauss(0, 500 if fate.mortality else 50)))
        return process

    def _prepare(self) -> None:
        """Make what else is in this world, before any process starts."""

    def _of_engine(self, process: Process) -> dict[str, Any]:
        """Give what else an engine of this world is made with, or other doors."""
        return {}

    def _of_runner(self, process: Process) -> dict[str, Any]:
        return {}

    def _engine(self, process: Process) -> tuple[Engine, SimStore]:
        fate, parts = self.fate, self._parts
        made: dict[str, Any] = {
            "store": parts.store_door(fate, process, self.store),
            "queue": SimQueue(fate, process, self.broker),
            "notifier": SimNotifier(fate, process, self.channel),
            "network": parts.network_door(fate, process, self.chain, self.nodes),
            "venues": [SimVenue(fate, process, name) for name in VENUES],
            "clock": self.clocks[process.name],
            "entropy": SeededEntropy(fate.random.getrandbits(32)),
            "policy": self.policy,
        }
        made |= self._of_engine(process)
        return parts.engine(**made), made["store"]

    def _start_worker(self, name: str) -> None:
        process = self._process(name, self._start_worker)
        engine, _ = self._engine(process)
        more = self._of_runner(process)
        runner = process.context.run(self._parts.runner, engine, concurrency=self.fate.random.randint(2, 8), **more)
        self.workers[name] = Worker(process, runner)
        self.fate.tell(f"{name} starts")
        process.soon(runner.start)

    def _start_api(self, name: str) -> None:
        process = self._process(name, self._start_api)
        engine, store = self._engine(process)
        dispatcher = Dispatcher(SimNotifier(self.fate, process, self.channel), store, hear=lambda _: None)
        self.apis[name] = Api(process, engine, store, dispatcher)
        self.fate.tell(f"{name} starts")
        process.spawn(dispatcher.start())
