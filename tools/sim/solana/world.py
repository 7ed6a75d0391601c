"""One seed: several workers, one wallet, and a LiteSVM cluster that loses what it is sent, until all is at rest."""

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

from attrs import define

from bestfill import transition as to
from bestfill.engine import Engine
from bestfill.errors import NetworkUnavailable
from bestfill.order import OrderRequest, Status
from bestfill.policy import ExecutionPolicy
from bestfill.runner import Runner
from bestfill.testing.clock import SeededEntropy
from bestfill.testing.invariants import Evidence, Violation, violations
from bestfill.testing.store import MemoryStore
from bestfill.tokens import MAINNET, Token, TokenList
from bestfill.units import BaseUnits, Bps, Millis, OrderId, uuid7
from bestfill_adapters.plugins import VenueContext
from bestfill_adapters.settings import Hidden, Settings, SolanaSettings
from bestfill_adapters.solana.gateway import Gateway
from bestfill_adapters.solana.signer import KeypairSigner
from bestfill_adapters.solana.venues import transfer_pool_a, transfer_pool_b
from tools.cluster.cluster import DECIMALS, Cluster
from tools.sim import faults
from tools.sim.clock import BEGIN, SimClock
from tools.sim.fate import Fate
from tools.sim.life import Life, Outcome
from tools.sim.messages import Broker, Channel, SimNotifier, SimQueue
from tools.sim.process import Process
from tools.sim.solana import weather
from tools.sim.solana.nodes import NODES, NodeTransport
from tools.sim.solana.witness import Witness
from tools.sim.store import SimStore
from tools.sim.wire import LATE_S, at_once

SPREAD_S = 60.0
"""Over so long a time orders are placed."""
STORM_S = 420.0
"""For so long misfortunes go on, unless all is at rest before."""
REST_S = 600.0
"""By when all must be at rest, once there are no misfortunes any more."""
LIFE = 4_000.0
"""How many callbacks of a worker run, on average, until it is killed between two of them."""
SCARCE = 2 * 10**6
"""What a poor wallet has of tBTC, in base units: swaps that were signed together then fail on the chain."""

TRADES = (("SOL", "tUSD"), ("tUSD", "SOL"), ("tUSD", "tBTC"), ("tBTC", "tUSD"))
AMOUNTS = {"SOL": (10**7, 2 * 10**9), "tUSD": (10**6, 3 * 10**8), "tBTC": (10**4, 10**6)}


@define(eq=False)
class Worker:
    """One worker process; it has no runner before it has reached the chain."""

    process: Process
    runner: Runner | None = None


class World(Life):
    """Owns everything of one seed."""

    def __init__(self, seed: int, orders: int, workers: int, *, tells: bool = False) -> None:
        self.seed, self._orders = seed, orders
        self.fate = fate = Fate(seed, weather.rates, tells=tells)
        chance = fate.random
        fate.mortality = faults.MORTALITY * chance.choice((0.25, 0.5, 1))
        self._vigour = chance.choice((0.5, 1, 3))
        self._loss = weather.LOSSES[seed % len(weather.LOSSES)]
        climate = weather.climate(chance, self._loss)
        self.cluster = Cluster(self._now, seed, climate.rules)
        self.balanced = climate.balanced
        wallet = str(self.cluster.wallet.pubkey())
        if chance.random() < 0.5:
            self.cluster.give(wallet, "tBTC", SCARCE)
        self.tokens = {symbol: Token(symbol, mint, DECIMALS[symbol]) for symbol, mint in self.cluster.mints.items()}
        self.store = MemoryStore()
        self.policy = ExecutionPolicy(
            longest_poll_ms=chance.choice((1_000, 2_000, 4_000)), unanswered_ms=chance.choice((60_000, 300_000))
        )
        self._entropy = SeededEntropy(chance.getrandbits(32))
        self.sends = Counter[str]()
        """By node, those that got there."""
        self.broker, self.channel = Broker(fate, self._deliver), Channel(fate)
        self.processes: list[Process] = []
        self.clocks: dict[str, SimClock] = {}
        self.workers: dict[str, Worker] = {}
        self.witness = Witness(self.store, self.cluster)
        self._placed = 0
        self.rest_s = 0.0
        self._folder = tempfile.TemporaryDirectory(prefix="bestfill-sim-")
        self._pools = self.cluster.pools_file(Path(self._folder.name))
        fate.tell(f"{climate}")
        for number in range(workers):
            self._start(f"worker {number + 1}")

    def run(self) -> Outcome:
        """Live through the seed, and judge it."""
        with self._folder:
            return super().run()

    def judged(self) -> tuple[Evidence, list[Violation]]:
        """Give what both sides say, and what is wrong with it."""
        evidence = self.witness.evidence()
        return evidence, [*violations(evidence), *self.witness.violations(evidence)]

    def kept(self) -> list[asyncio.Handle]:
        """Give what dead processes will never run."""
        return [handle for process in self.processes for handle in process.kept]

    def figures(self) -> Counter[str]:
        """Count what became of swaps and sends."""
        chain, stored = self.cluster.chain, self.witness.stored()
        return Counter(
            {
                "swaps signed": sum(attempt.signed is not None for one in stored for attempt in one.attempts),
                "sends taken": self.sends.total(),
                "sends lost": chain.lost,
                "landed": len(chain.final()),
                "landed in the last valid block": self.witness.last_moment(),
                "dropped by forks": chain.dropped,
                f"confirmed at a loss of {self._loss:.0%}": sum(o.order.status is Status.CONFIRMED for o in stored),
            }
        )

    async def live(self) -> None:
        fate, chain = self.fate, self.cluster.chain
        for _ in range(self._orders):
            fate.later(fate.within(0, SPREAD_S), self._place)
        misfortune = fate.spawn(weather.Weather(self).go_about())
        while fate.loop.time() < STORM_S and not self._at_rest():  # noqa: ASYNC110
            await asyncio.sleep(5)
        misfortune.cancel()
        self._calm()
        begin = fate.loop.time()
        await asyncio.sleep(LATE_S)  # what was said to have failed may come yet
        while self.rest_s < REST_S and not self._at_rest():
            await asyncio.sleep(1)
            self.rest_s = fate.loop.time() - begin
        # Whatever was sent may land until its blockhash has expired, and that is final.
        last = chain.blocks.upto(chain.slot).height + chain.rules.window
        while chain.blocks.upto(chain.final_slot).height <= last:
            await asyncio.sleep(5)
            chain.advance()
        fate.tell("all is at rest" if self._at_rest() else "it does not come to rest")

    def _at_rest(self) -> bool:
        return self._placed == self._orders and self.witness.at_rest()

    def _calm(self) -> None:
        fate = self.fate
        fate.tell("from here on there are no misfortunes")
        fate.calm()
        for process in self.processes:
            process.spare()
            process.thaw()
        for clock in self.clocks.values():
            clock.ahead_ms = int(fate.within(-200, 200))
        for node in self.cluster.nodes:
            node.first()  # it may have forgotten more since it was asked last
            node.lag = 0
        self.cluster.chain.rules = weather.fair(self.cluster.chain.rules)

    def _now(self) -> int:
        return BEGIN + int(self.fate.loop.time() * 1000)

    def _place(self) -> None:
        fate = self.fate
        token_in, token_out = fate.random.choice(TRADES)
        request = OrderRequest(
            user_id=self.witness.wallet,
            token_in=self.tokens[token_in],
            token_out=self.tokens[token_out],
            amount_in=BaseUnits(int(fate.within(*AMOUNTS[token_in]))),
            slippage_bps=Bps(fate.random.choice((50, 500))),
        )
        now = Millis(self._now())
        placed = to.place(uuid7(now, self._entropy.bits(74)), request, Millis(now + self.policy.order_ttl_ms), now)
        order, _ = at_once(self.store.place(*placed))
        self._placed += 1
        fate.tell(f"{fate.name(order)} is accepted: {order.amount_in} base units of {token_in} for {token_out}")
        self.broker.put(order.id, 0)

    def _deliver(self, order_id: OrderId) -> None:
        worker = self.fate.random.choice(list(self.workers.values()))
        if worker.runner is not None:  # else the message is lost, as with a dead one
            worker.process.soon(worker.runner.offer, (order_id,))

    def _start(self, name: str) -> None:
        fate = self.fate
        life = int(fate.random.expovariate(1 / (LIFE * self._vigour))) if fate.mortality else None

        def died() -> None:
            fate.later(fate.within(0.05, 8), self._start, name)

        process = Process(fate, name, life, died)
        self.processes.append(process)
        self.clocks[name] = SimClock(process, int(fate.random.gauss(0, 500 if fate.mortality else 50)))
        self.workers[name] = worker = Worker(process)
        fate.tell(f"{name} starts")
        process.spawn(self._work(worker, self.clocks[name]))

    async def _work(self, worker: Worker, clock: SimClock) -> None:
        """Do what a worker does at its start."""
        fate, process = self.fate, worker.process
        first = fate.random.randrange(NODES)
        urls = tuple(Hidden(f"http://cluster/{(first + n) % NODES + 1}") for n in range(NODES))
        solana = SolanaSettings(rpc=urls, pools=self._pools, rpc_per_s=fate.random.choice((10, 50)))
        gateway = Gateway(solana, clock, NodeTransport(fate, process, self.cluster, self.sends, balanced=self.balanced))
        context = VenueContext(clock=clock, seed="", settings=Settings(solana=solana), environ={}, solana=gateway)
        venues = [transfer_pool_a(context), transfer_pool_b(context)]
        try:
            await gateway.start(TokenList(MAINNET))
        except NetworkUnavailable:
            fate.tell(f"{process.name} gives up, since it reaches no node")
            process.exit()
            return
        engine = Engine(
            store=SimStore(fate, process, self.store),
            queue=SimQueue(fate, process, self.broker),
            notifier=SimNotifier(fate, process, self.channel),
            network=gateway.network(KeypairSigner(self.cluster.wallet)),
            venues=venues,
            clock=clock,
            entropy=SeededEntropy(fate.random.getrandbits(32)),
            policy=self.policy,
        )
        worker.runner = Runner(engine, concurrency=fate.random.randint(4, 16))
        worker.runner.start()
