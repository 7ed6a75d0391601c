"""The deployed mode as its users and operators meet it: an API, workers, PostgreSQL and Valkey, each a process."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable

import pytest
import redis

from bestfill_adapters.dramatiq.broker import ACTOR, QUEUE
from tests.deployed import ORDER, STORY, ApiProcess, api, environment, finished, until, worker
from tools.servers import Postgres, Valkey

SLOW = {"BESTFILL_MOCK_CONFIRM_MS": "1000"}
COUNT = 30


@pytest.fixture
def env(migrated_url: str, redis_url: str) -> dict[str, str]:
    return environment(migrated_url, redis_url)


def in_hand(running: ApiProcess, count: int) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return (await running.counts())["activeCount"] >= count

    return holds


async def all_confirmed(running: ApiProcess, ids: list[str]) -> None:
    for story in await running.stories(ids):
        assert story[-1] == "confirmed"
    for order_id in ids:
        executions = (await running.get(f"/api/orders/{order_id}/executions"))["executions"]
        assert [one["outcome"] for one in executions].count("landed") == 1


async def test_two_apis_and_two_workers_share_the_work_and_tell_every_story(env):
    busy = {"BESTFILL_CONCURRENCY": "3", "BESTFILL_MOCK_CONFIRM_MS": "50", "LOG_LEVEL": "info"}
    async with api(env) as one, api(env) as other, worker(env, **busy) as first, worker(env, **busy) as second:
        ids = [await front.place() for _ in range(COUNT // 2) for front in (one, other)]
        stories = await asyncio.gather(one.stories(ids), other.stories(ids))
        assert [*stories[0], *stories[1]] == [STORY] * (2 * COUNT)
        told, code = await other.follow(f"/ws/{ids[0]}")
        assert ([e["status"] for e in told], [e["seq"] for e in told], code) == (STORY, [1, 2, 3, 4, 5], 1000)
        order = await one.get(f"/api/orders/{ids[0]}")
        assert (order["status"], order["txHash"]) == ("confirmed", told[3]["data"]["txHash"])
        assert (await one.counts())["completedCount"] == COUNT
        assert await other.get("/health") == {"status": "ok"}
        for process in (first, second):
            process.send_signal(signal.SIGTERM)
        logs = [(await process.ended())[1] for process in (first, second)]
        confirmed = [log.count('"order confirmed"') for log in logs]
        assert sum(confirmed) == COUNT
        assert min(confirmed) >= COUNT // 5


async def test_a_signal_lets_a_worker_finish_what_it_has_in_hand(env):
    async with api(env) as front, worker(env, **SLOW, BESTFILL_CONCURRENCY="100") as running:
        ids = [await front.place() for _ in range(COUNT)]
        await until(in_hand(front, COUNT))
        # To all of its processes, and once more to the first, as somebody impatient.
        os.killpg(running.pid, signal.SIGTERM)
        running.send_signal(signal.SIGTERM)
        assert await running.ended() == (0, "")
        await all_confirmed(front, ids)


async def test_what_a_stopping_worker_has_not_begun_is_taken_by_another_at_once(env):
    busy = {"BESTFILL_CONCURRENCY": "2", "BESTFILL_MOCK_CONFIRM_MS": "500"}
    async with api(env) as front, worker(env, **busy) as running:
        ids = [await front.place() for _ in range(COUNT)]
        await until(in_hand(front, 2))
        os.killpg(running.pid, signal.SIGINT)  # as a terminal's Ctrl-C
        async with worker(env, BESTFILL_CONCURRENCY="100"):
            await all_confirmed(front, ids)
        assert await running.ended() == (0, "")


async def test_a_worker_drains_when_the_process_that_minds_it_is_killed(env):
    async with api(env) as front, worker(env, **SLOW, BESTFILL_CONCURRENCY="100") as running:
        ids = [await front.place() for _ in range(COUNT)]
        await until(in_hand(front, COUNT))
        running.send_signal(signal.SIGKILL)
        await running.ended()  # all of it
        assert {order["status"] for order in [await front.get(f"/api/orders/{i}") for i in ids]} == {"confirmed"}


@pytest.mark.parametrize("module", ["bestfill_api", "bestfill_worker"])
async def test_a_database_without_tables_is_one_clear_line(module: str, database_url: str, redis_url: str):
    code, said = await finished(module, environment(database_url, redis_url))
    assert code == 1
    assert "./dev migrate" in said.splitlines()[0]
    assert "Traceback" not in said


@pytest.mark.parametrize("module", ["bestfill_api", "bestfill_worker"])
async def test_a_database_that_is_not_there_is_one_clear_line(module: str, redis_url: str):
    env = environment("postgresql://somebody:hunter2@127.0.0.1:1/nowhere", redis_url)
    code, said = await finished(module, env)
    assert code == 1
    assert said.startswith("bestfill: ")
    assert "Traceback" not in said
    assert "hunter2" not in said


async def test_a_bad_setting_of_a_worker_is_named_and_exits_with_2():
    env = environment("postgresql://u:hunter2@h/d", "redis://:hunter2@h", BESTFILL_CONCURENCY="1")
    code, said = await finished("bestfill_worker", env)
    assert (code, said.count("\n"), said.count("hunter2")) == (2, 1, 0)
    assert said.startswith("bestfill: BESTFILL_CONCURENCY: ")


async def test_messages_that_make_no_sense_become_dead_letters_and_the_worker_goes_on(env, redis_url: str):
    bad = [[], [["no id"]], [[1]], [{"a": 1}], ["x"], [[], []], [["00000000-0000-7000-8000-00000000000X"]]]
    with redis.Redis.from_url(redis_url) as client:
        for number, args in enumerate(bad):
            options = {"redis_message_id": f"bad-{number}"}
            message = {"queue_name": QUEUE, "actor_name": ACTOR, "args": args, "kwargs": {}, "options": options}
            message |= {"message_id": f"bad-{number}", "message_timestamp": 1}
            client.hset(f"dramatiq:{QUEUE}.msgs", f"bad-{number}", json.dumps(message))
            client.rpush(f"dramatiq:{QUEUE}", f"bad-{number}")
        client.hset(f"dramatiq:{QUEUE}.msgs", "junk", b"\xff{")
        client.rpush(f"dramatiq:{QUEUE}", "junk")
        client.rpush("bestfill:wakes", "junk", b"\xff")
        async with api(env) as front, worker(env) as running:

            async def buried() -> bool:
                return client.zcard(f"dramatiq:{QUEUE}.XQ") == len(bad)

            await until(buried)
            await all_confirmed(front, [await front.place()])
            assert "".join(running.said).count("a message became a dead letter") == len(bad)


async def test_with_redis_away_orders_are_accepted_and_found_by_the_sweep(migrated_url: str, valkey: Valkey):
    env = environment(migrated_url, valkey.url)
    valkey.stop()
    async with api(env) as front, worker(env):  # both start without it
        ids = [await front.place() for _ in range(3)]
        await all_confirmed(front, ids)
        async with front.http.get("/health/ready") as answer:
            assert (answer.status, "queue" in await answer.text()) == (503, True)
        valkey.start()
        await all_confirmed(front, [await front.place()])

        async def ready() -> bool:
            async with front.http.get("/health/ready") as answer:
                return answer.status == 200

        await until(ready)


async def test_with_the_database_away_nothing_is_accepted(env, postgres: Postgres):
    async with api(env) as front:
        order_id = await front.place()
        postgres.stop()
        async with front.http.post("/api/orders/execute", json=ORDER) as answer:
            assert (answer.status, (await answer.json())["code"]) == (503, "QUEUE_ERROR")
        postgres.start()

        async def back() -> bool:
            async with front.http.get(f"/api/orders/{order_id}") as answer:
                return answer.status == 200

        await until(back)
        assert (await front.get("/api/orders?userId=user-123"))["total"] == 1
