"""Whatever happens to orders, workers, venues and the chain: no order is lost, and none is swapped twice."""

import asyncio
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import asyncpg
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bestfill.engine import Engine
from bestfill.errors import BestfillError, Conflict, StoreError, VenueUnavailable
from bestfill.policy import ExecutionPolicy
from bestfill.testing.clock import ManualClock, SeededEntropy
from bestfill.testing.fakes import FakeNetwork, FakeNotifier, FakeQueue, FakeVenue
from bestfill.testing.invariants import check_order
from bestfill.testing.samples import NOW, request
from bestfill.testing.store import MemoryStore
from bestfill_adapters.sql.postgres import PostgresStore
from bestfill_adapters.sql.sqlite import SqliteFile, SqliteStore
from bestfill_adapters.sql.tables import audit_log, metadata

BLOCK_MS = 400


class ChainClock(ManualClock):
    """A clock by which blocks are made."""

    def __init__(self, network: FakeNetwork) -> None:
        super().__init__(NOW, auto=True)
        self._network = network

    def advance(self, ms: int) -> None:
        super().advance(ms)
        self._network.block_height = max(self._network.block_height, 1_000 + (self.now() - NOW) // BLOCK_MS)


class Life:
    """What is left of some workers' lives, counted in half calls of their ports."""

    def __init__(self, halves: int) -> None:
        self._halves = halves

    async def spend(self) -> None:
        await asyncio.sleep(0)  # lets the other workers in
        self._halves -= 1
        if self._halves < 0:
            raise StoreError("this worker is dead")


class Mortal:
    """A worker's way to the store or the chain: it may be killed before each call, and after it, unanswered."""

    def __init__(self, port, life: Life) -> None:
        self._port, self._life = port, life

    def __getattr__(self, name: str):
        async def call(*args, **kwargs):
            await self._life.spend()
            answer = await getattr(self._port, name)(*args, **kwargs)
            await self._life.spend()
            return answer

        return call


class AnyStory(RuleBasedStateMachine):
    """Places, runs, kills and cancels at random, over a chain and venues that misbehave."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.network = FakeNetwork(block_height=1_000)
        self.clock = ChainClock(self.network)
        self.venues = [FakeVenue("a", 213_000_000), FakeVenue("b", 210_000_000)]
        self.store = self.open_store()
        self.ids: list[str] = []
        self.entropy = SeededEntropy(7)

    def open_store(self):
        return MemoryStore()

    def worker(self, life: Life | None = None) -> Engine:
        return Engine(
            store=self.store if life is None else Mortal(self.store, life),
            queue=FakeQueue(),
            notifier=FakeNotifier(),
            network=self.network if life is None else Mortal(self.network, life),
            venues=self.venues,
            clock=self.clock,
            entropy=self.entropy,
            policy=ExecutionPolicy(),
        )

    def wait(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    @precondition(lambda self: len(self.ids) < 3)  # few orders, so that much happens to each
    @rule(key=st.none() | st.sampled_from(["k1", "k2"]), amount=st.sampled_from([1, 10**9]))
    def place(self, key, amount) -> None:
        with suppress(Conflict):
            order = self.wait(self.worker().place(request(amount_in=amount), key))
            if order.id not in self.ids:
                self.ids.append(order.id)

    @precondition(lambda self: self.ids)
    @rule(which=st.integers(0, 99), workers=st.integers(1, 3), halves=st.integers(1, 60) | st.just(1_000))
    def work_and_die(self, which, workers, halves) -> None:
        """Let one to three workers at an order; they are killed after so many half calls between them."""
        self.wait(self._work(self.ids[which % len(self.ids)], workers, Life(halves)))

    async def _work(self, order_id, workers, life) -> None:
        runs = (self.worker(life).run(order_id) for _ in range(workers))
        for result in await asyncio.gather(*runs, return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(result, BestfillError):
                raise result

    @precondition(lambda self: self.ids)
    @rule(which=st.integers(0, 99), luck=st.integers(0, 7))
    def cancel(self, which, luck) -> None:
        if luck < 7:  # seldom, for it ends the story
            return
        with suppress(Conflict):
            self.wait(self.worker().cancel(self.ids[which % len(self.ids)]))

    @rule(ms=st.sampled_from([1_000, 10_000, 70_000, -5_000]))
    def time_passes(self, ms) -> None:
        self.clock.advance(ms)

    @rule(
        mood=st.sampled_from(
            [
                {},
                {"lands": False},
                {"lands": False, "lag_slots": 200},
                {"loses_replies": True, "lag_slots": 200},
                {"reverts": True},
                {"down": True},
            ]
        )
    )
    def the_chain_changes(self, mood) -> None:
        calm = {"lands": True, "loses_replies": False, "reverts": False, "down": False, "lag_slots": 0}
        for knob, value in {**calm, **mood}.items():
            setattr(self.network, knob, value)

    @rule(which=st.integers(0, 99))
    def a_late_block_holds_an_old_send(self, which) -> None:
        """What was sent and seemed lost lands after all, as long as its blockhash is valid."""
        alive = {s.signature for s in self.network.sent if s.last_valid_block_height >= self.network.block_height}
        waiting = sorted(alive - self.network.landed.keys())
        if waiting:
            self.network.land(waiting[which % len(waiting)])

    @rule(up=st.booleans(), out=st.sampled_from([0, 10**8, 2 * 10**8]))
    def venues_change(self, up, out) -> None:
        async def down(_):
            raise VenueUnavailable("down")

        self.venues[0].ask = None if up else down
        self.venues[1].amount_out = out

    @invariant()
    def nothing_is_wrong(self) -> None:
        for order_id in getattr(self, "ids", ()):
            self.wait(check_order(self.store, order_id))
            assert self.network.landings(order_id) <= 1, "swapped twice"

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        self.network.down, self.network.lag_slots, self.network.lands, self.network.reverts = False, 0, True, False
        for _ in range(20):
            self.clock.advance(30_000)
            for claimed in self.wait(self.worker().sweep(1_000)):
                self.wait(self.worker().resume(claimed))
        for order_id in self.ids:
            order = self.wait(check_order(self.store, order_id))
            assert order.status.terminal, f"{order_id} never ended: {order}"
            assert self.network.landings(order_id) == (order.status == "confirmed"), "confirmed is not landed"
        self.close_store()
        self.loop.close()

    def close_store(self) -> None:
        pass


class AnyStoryOnDisk(AnyStory):
    """The same over SQLite."""

    migrated: Path

    def open_store(self):
        self.folder = tempfile.TemporaryDirectory()
        path = shutil.copy(self.migrated, Path(self.folder.name) / "orders.sqlite3")
        store = SqliteStore(SqliteFile(path, durable=False))
        store.start()
        return store

    def close_store(self) -> None:
        self.store.close()
        self.folder.cleanup()


def test_any_story_ends_well():
    run(AnyStory, 200)


def test_any_story_ends_well_in_sqlite(migrated):
    AnyStoryOnDisk.migrated = migrated
    run(AnyStoryOnDisk, 25)


def test_any_story_ends_well_in_postgresql(migrated_url):
    """The same over a server, whose tables are emptied for each story."""

    class AnyStoryOnServer(AnyStory):
        def open_store(self):
            return self.wait(self.open())

        async def open(self):
            connection = await asyncpg.connect(migrated_url)
            emptied = [table.name for table in metadata.sorted_tables if table is not audit_log]  # which refuses it
            await connection.execute(f"TRUNCATE {', '.join(emptied)}")
            await connection.close()
            store = PostgresStore(migrated_url)
            await store.start()
            return store

        def close_store(self) -> None:
            self.wait(self.store.close())

    run(AnyStoryOnServer, 12)


def run(machine: type[AnyStory], examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=60,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes and gains little
        ),
    )
