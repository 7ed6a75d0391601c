"""The model world with an operator: they halt the engine now and then, and bound what a user may sell on a day."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from bestfill.access import ApiKey
from bestfill.audit import AuditEntry, AuditFact
from bestfill.engine.switch import SILENCE_S, Switch
from bestfill.errors import StoreError
from bestfill.events import OrderEvent
from bestfill.mandate import Mandate, day_of
from bestfill.order import Status
from bestfill.ports import ControlStore, Halt, Reservation
from bestfill.quote import SignedSwap, SwapPlan
from bestfill.testing.control import MemoryControl
from bestfill.transition import Transition
from bestfill.units import BaseUnits, Millis, Mint
from tools.sim.clock import BEGIN, NEAR_S
from tools.sim.fate import Fate
from tools.sim.network import SimNetwork
from tools.sim.people import SOL, USDC
from tools.sim.process import Process
from tools.sim.store import SimStore, kind
from tools.sim.wire import Wire, at_once
from tools.sim.world import Parts, World

HALTED: Final = 0.2
"""How often the engine is halted, by the second."""
LONGEST_HALT_S: Final = 20.0
DAY: Final = {SOL.mint: BaseUnits(6 * 10**9), USDC.mint: BaseUnits(6 * 10**8)}
"""What two or three orders of a user sell."""


class Operator:
    """Halts the engine, and knows since when it has been."""

    def __init__(self, fate: Fate) -> None:
        self._fate, self.control = fate, MemoryControl()
        self._since_s: float | None = None

    def look(self) -> None:
        """Halt the engine by chance, each second."""
        if self._since_s is None and self._fate.strikes("engine halted"):
            self._put(Halt(reason="a test", actor="operator", at=Millis(BEGIN)))
            self._fate.later(self._fate.within(0, LONGEST_HALT_S), self.resume)
        self._fate.later(1, self.look)

    def resume(self) -> None:
        """Let it go on."""
        if self._since_s is not None:
            self._put(None)

    def see_no_signing(self, what: str, process: Process) -> None:
        """Blame who signs a second after the halt, or later; what is on its way by then may still arrive."""
        if self._since_s is not None and self._fate.loop.time() - self._since_s > SILENCE_S + NEAR_S:
            self._fate.blame(f"{process.name} {what} {self._fate.loop.time() - self._since_s:.3f} s after the halt")

    def _put(self, halt: Halt | None) -> None:
        fact = AuditFact(at=Millis(BEGIN), actor="operator", origin="", action="halt", subject="engine")
        at_once(self.control.set_halt(halt, fact))
        self._since_s = None if halt is None else self._fate.loop.time()
        self._fate.tell("the engine is resumed" if halt is None else "the engine is halted")


class SimControl(ControlStore):
    """One process's door to the control store; what the engine does not ask for is not there."""

    def __init__(self, fate: Fate, process: Process, control: ControlStore) -> None:
        self._control = control
        self._wire = Wire(fate, process, "store", StoreError)

    async def halt(self) -> Halt | None:
        return await self._wire.ask("halt", lambda: at_once(self._control.halt()), 0.02)

    async def reserve(self, order: Reservation, most: int) -> bool:
        return await self._wire.ask("reserve", lambda: at_once(self._control.reserve(order, most)), 8)

    async def release(self, order: Reservation) -> None:
        await self._wire.ask("release", lambda: at_once(self._control.release(order)), 8)

    async def reserved(self, user_id: str, day: int, mint: Mint) -> int:
        raise NotImplementedError

    async def add_key(self, key: ApiKey, fact: AuditFact) -> None:
        raise NotImplementedError

    async def keys(self, key_ids: Sequence[str]) -> dict[str, ApiKey]:
        raise NotImplementedError

    async def all_keys(self) -> list[ApiKey]:
        raise NotImplementedError

    async def end_key(self, key_id: str, at: Millis, fact: AuditFact) -> ApiKey:
        raise NotImplementedError

    async def set_halt(self, halt: Halt | None, fact: AuditFact) -> None:
        raise NotImplementedError

    async def record(self, facts: Sequence[AuditFact]) -> None:
        raise NotImplementedError

    async def entries(self, since: int = 0, limit: int = 1_000) -> list[AuditEntry]:
        raise NotImplementedError


class WatchedStore(SimStore):
    """A process's door to the store, at which the operator looks on."""

    operator: Operator

    async def commit(self, transition: Transition) -> OrderEvent | None:
        if kind(transition) == Status.SUBMITTED:
            self.operator.see_no_signing("records a signature", self.process)
        return await super().commit(transition)


class WatchedNetwork(SimNetwork):
    """The same at its door to the chain."""

    operator: Operator
    process: Process

    async def sign(self, plan: SwapPlan) -> SignedSwap:
        self.operator.see_no_signing("signs", self.process)
        return await super().sign(plan)


class HaltingWorld(World):
    """Judges besides that nothing is signed while halted, and that no user's day is exceeded."""

    def __init__(self, seed: int, orders: int, workers: int, parts: Parts, *, tells: bool = False) -> None:
        self._switches: dict[str, Switch] = {}
        self._exceeded: set[tuple[str, int, Mint]] = set()
        super().__init__(seed, orders, workers, parts, tells=tells)

    def _prepare(self) -> None:
        self.operator = Operator(self.fate)
        self.fate.rates["engine halted"] = HALTED
        self.operator.look()

    def _calm(self) -> None:
        super()._calm()
        self.operator.resume()

    def _of_engine(self, process: Process) -> dict[str, Any]:
        store = WatchedStore(self.fate, process, self.store)
        network = WatchedNetwork(self.fate, process, self.chain, self.nodes)
        store.operator = network.operator = self.operator
        network.process = process
        control = SimControl(self.fate, process, self.operator.control)
        switch = self._switches[process.name] = Switch(control, self.fate.loop.time)
        process.spawn(switch.start())
        more = {"control": control, "switch": switch, "make_mandate": lambda: Mandate(max_notional_day=DAY)}
        return {"store": store, "network": network, **more}

    def _of_runner(self, process: Process) -> dict[str, Any]:
        return {"switch": self._switches[process.name]}

    def _tick(self) -> None:
        super()._tick()
        self._count_days()

    def _count_days(self) -> None:
        sold: Counter[tuple[str, int, Mint]] = Counter()
        for user_id in self._users:
            for order in at_once(self.store.page(user_id, 1_000, 0)).orders:
                if order.status is not Status.FAILED:
                    sold[user_id, day_of(order.created_at), order.token_in] += order.amount_in
        for key, amount in sold.items():
            if amount > DAY[key[2]] and key not in self._exceeded:
                self._exceeded.add(key)
                self.fate.blame(f"{key[0]} sells {amount} of {key[2]} on a day, above {DAY[key[2]]}")
