"""One run: the deployment starts, orders and faults come, all comes to rest, and everything is looked at."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import asyncpg
from attrs import define, field

from bestfill.testing.invariants import Violation
from bestfill.units import Millis
from bestfill_adapters.sql.migrate import migrate
from tools.chaos import troubles
from tools.chaos.audit import Audit, audit
from tools.chaos.crowd import Crowd, crowd
from tools.chaos.havoc import Havoc
from tools.chaos.journal import Journal
from tools.chaos.load import ask_again, trade
from tools.chaos.plan import API, Fault, Plan
from tools.chaos.proxy import Proxy
from tools.chaos.recovery import Watch
from tools.chaos.service import Service, reserved_port
from tools.chaos.troubles import Forecast, Spell
from tools.servers import Postgres, Valkey
from tools.servers.databases import create_database

REST_S: Final = 150.0
"""How long all may take to come to rest after the last fault: a swap that is lost takes a minute to be proven dead."""
PROGRESS_S: Final = 1.0
LOOK_S: Final = 0.2
SETTINGS: Final = {
    "LOG_LEVEL": "info",
    "BESTFILL_CONCURRENCY": "60",
    "BESTFILL_MOCK_QUOTE_MS": "200-1000",
    "BESTFILL_MOCK_CONFIRM_MS": "200-1500",
    "BESTFILL_MOCK_FAILURE_RATE": "0.1",
    "BESTFILL_MOCK_REVERT_RATE": "0.05",
    "BESTFILL_MOCK_DROP_RATE": "0.1",
}


@define(eq=False)
class Campaign:
    """A run of a plan on servers that are its own for that time; what it has found out is here in the end."""

    plan: Plan
    postgres: Postgres
    valkey: Valkey
    environ: dict[str, str] = field(factory=dict[str, str])
    """Such as PATH; the settings of the services are added."""
    progress: Callable[["Campaign"], None] = lambda _: None
    """Called about once a second."""
    journal: Journal = field(factory=Journal)
    database_url: str = ""
    """The direct way."""
    watch: Watch = field(init=False)
    clients: Crowd = field(init=False)
    services: dict[str, Service] = field(factory=dict[str, Service])
    found: Audit | None = None
    rested_s: float = 0.0
    """How long all took to come to rest."""

    async def run(self) -> Sequence[Violation]:
        """Do all of it; give what is wrong. When it is cancelled, it leaves nothing behind either."""
        self.database_url = await asyncio.to_thread(create_database, self.postgres.url)
        await asyncio.to_thread(migrate, self.database_url)
        self.watch = Watch(self.database_url)
        async with (
            Proxy(self.database_url) as to_postgres,
            Proxy(self.valkey.url) as to_redis,
            self._deployed(to_postgres, to_redis),
        ):
            havoc = Havoc(
                plan=self.plan,
                postgres=self.postgres,
                valkey=self.valkey,
                to_postgres=to_postgres,
                to_redis=to_redis,
                services=self.services,
                clients=self.clients,
                watch=self.watch,
                journal=self.journal,
            )
            try:
                async with asyncio.timeout(self.plan.seconds + REST_S), asyncio.TaskGroup() as tasks:
                    tasks.create_task(trade(self.plan, self.clients))
                    tasks.create_task(havoc.run(self.plan.faults()))
            except TimeoutError:
                self.journal.wrong.append("some orders could not be placed, or some faults not be mended, in time")
            await self._rest()
            await ask_again(self.plan, self.clients)
            await self._rest()
        self.found = await audit(self.database_url, self.clients)
        return self.violations

    @property
    def violations(self) -> list[Violation]:
        """What is wrong with the orders, the sockets, the answers and the services."""
        found = [*self.found.violations] if self.found else []
        wrong = [*self.journal.wrong, *(f"{entry.who} said: {entry.line}" for entry in self.journal.surprises)]
        return found + [Violation("service", what) for what in wrong]

    @asynccontextmanager
    async def _deployed(self, to_postgres: Proxy, to_redis: Proxy) -> AsyncIterator[None]:
        """Have the services and their clients, and look at them, while the context lasts; the clients leave first."""
        urls = {"DATABASE_URL": to_postgres.url, "REDIS_URL": to_redis.url}
        async with AsyncExitStack() as last_to_first, asyncio.TaskGroup() as tasks:
            environ = {**self.environ, **SETTINGS, **urls, "PORT": str(last_to_first.enter_context(reserved_port()))}
            hurt = set[asyncio.Task[None]]()

            def killed(what: str) -> None:
                task = asyncio.create_task(self.watch.wound(what))
                hurt.add(task)
                task.add_done_callback(hurt.discard)

            for name in (API, *self.plan.worker_names):
                module = f"tools.chaos.doomed_{name.partition('-')[0]}"
                dooms = self.plan.dooms(name)
                self.services[name] = Service(name, module, environ, dooms, self.journal, killed)
            keeping = {API: tasks.create_task(self.services[API].keep())}
            await self.services[API].ready.wait()
            self.journal.begun = time.monotonic()
            forecast, until = self._forecast(), Millis(round((time.time() + self.plan.seconds) * 1000))
            for service in self.services.values():
                service.forecast, service.doomed_until = forecast, until
            for name in self.plan.worker_names:
                keeping[name] = tasks.create_task(self.services[name].keep())
            url = f"http://127.0.0.1:{environ['PORT']}"
            async with crowd(url, Crowd) as self.clients:
                others = [tasks.create_task(self.watch.keep_looking()), tasks.create_task(self._tell())]
                yield
                for other in others:
                    other.cancel()
            await self.services[API].stop(keeping.pop(API))
            await asyncio.gather(*(self.services[name].stop(kept) for name, kept in keeping.items()))

    def _forecast(self) -> Forecast:
        now = time.time()

        def millis(at_s: float) -> Millis:
            return Millis(round((now + at_s) * 1000))

        def spell(fault: Fault) -> Spell:
            return Spell(fault.kind, fault.whom, millis(fault.at_s), millis(fault.at_s + fault.lasts_s))

        spells = [spell(fault) for fault in self.plan.faults() if fault.kind in troubles.KINDS]
        return Forecast(spells, millis(self.plan.losses_until_s))

    async def _rest(self) -> None:
        """Wait until every order was shown to its end, and every user as much."""
        begun = time.monotonic()
        try:
            async with asyncio.timeout(REST_S):
                while not await self._all_is_told():  # noqa: ASYNC110 - another process tells no event
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            left = len(self.clients.orders) - self.clients.ended
            what = f"{left} orders, or events of users, were not shown to the end within {REST_S:.0f} s of rest"
            self.journal.wrong.append(what)
        self.rested_s += time.monotonic() - begun

    async def _all_is_told(self) -> bool:
        if self.watch.in_flight or self.clients.ended < len(self.clients.orders):
            return False
        connection = await asyncpg.connect(self.database_url)
        try:
            last = dict(await connection.fetch("SELECT user_id, max(user_seq) FROM order_events GROUP BY user_id"))
        finally:
            await connection.close()
        return all(len(r.told) >= last.get(user_id, 0) or r.wrong for user_id, r in self.clients.users.items())

    async def _tell(self) -> None:
        while True:
            self.progress(self)
            await asyncio.sleep(PROGRESS_S)
