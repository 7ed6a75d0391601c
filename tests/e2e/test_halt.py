"""The kill switch over real processes: an API, two workers, PostgreSQL and Valkey."""

import pytest

from bestfill.audit import AuditFact
from bestfill.ports import Halt
from bestfill_adapters.sql.control.postgres import PostgresControl
from bestfill_adapters.sql.postgres import PostgresStore
from bestfill_adapters.system import SystemClock
from tests.deployed import ORDER, STORY, api, environment, until, worker

COUNT = 24
BUSY = {"BESTFILL_CONCURRENCY": "3", "BESTFILL_MOCK_QUOTE_MS": "20-200", "BESTFILL_MOCK_CONFIRM_MS": "20-400"}
WITHIN_MS = 1_000


@pytest.fixture
def env(migrated_url: str, redis_url: str) -> dict[str, str]:
    return environment(migrated_url, redis_url, **BUSY)


async def test_a_halt_stops_signatures_within_a_second_and_what_is_signed_ends(env, migrated_url):
    clock, control, store = SystemClock(), PostgresControl(migrated_url), PostgresStore(migrated_url)
    await store.start()

    async def put(halt: Halt | None) -> None:
        fact = AuditFact(at=clock.now(), actor="cli", origin="cli", action="halt", subject="engine")
        await control.set_halt(halt, fact)

    async def signed_at() -> list[int]:
        times = [attempt.submitted_at for order_id in ids for attempt in await store.executions(order_id)]
        return [time for time in times if time is not None]

    try:
        async with api(env) as front, worker(env), worker(env):
            ids = [await front.place() for _ in range(COUNT)]
            statuses: list[str] = []

            async def looked() -> set[str]:
                statuses[:] = [(await store.get(order_id)).status for order_id in ids]
                return set(statuses)

            async def in_all_states() -> bool:
                return {"pending", "submitted", "confirmed"} <= await looked()

            await until(in_all_states)
            halt = Halt(reason="a test", actor="cli", at=clock.now())
            await put(halt)

            async def quiet() -> bool:
                return clock.now() > halt.at + 2 * WITHIN_MS and "submitted" not in await looked()

            await until(quiet)
            before = await signed_at()
            assert max(before) <= halt.at + WITHIN_MS
            assert 0 < statuses.count("confirmed") == len(before) < COUNT
            assert "failed" not in statuses

            async with front.http.post("/api/orders/execute", json=ORDER) as refused:
                assert (refused.status, (await refused.json())["rule"]) == (403, "halt")
            async with front.http.get("/api/queue/stats") as stats:
                assert (await stats.json())["halted"] is True
            waits = next(order_id for order_id, status in zip(ids, statuses, strict=True) if status != "confirmed")
            async with front.http.post(f"/api/orders/{waits}/cancel") as cancelled:
                assert cancelled.status == 200

            resumed = clock.now()
            await put(None)
            stories = await front.stories(ids)
            ends = [story[-1] for story in stories]
            assert (ends.count("confirmed"), ends.count("failed")) == (COUNT - 1, 1)
            assert sum(story == STORY for story in stories) >= COUNT - 1 - 2 * int(BUSY["BESTFILL_CONCURRENCY"])
            assert min(time for time in await signed_at() if time > halt.at + WITHIN_MS) >= resumed
    finally:
        await store.close()
        await control.close()
