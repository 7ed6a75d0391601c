"""The embedded mode as a user meets it: one process, curl and a WebSocket."""

import asyncio
import json
import signal
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.deployed import ORDER, STORY, code_of
from tests.embedded import started


async def test_the_example_is_confirmed_and_its_story_told_on_the_socket(tmp_path: Path) -> None:
    async with started(tmp_path) as api:
        order_id = await api.place()
        told, code = await api.follow(f"/ws/{order_id}")
        assert ([e["status"] for e in told], [e["seq"] for e in told], code) == (STORY, [1, 2, 3, 4, 5], 1000)
        order = await api.get(f"/api/orders/{order_id}")
        assert (order["status"], order["txHash"]) == ("confirmed", told[3]["data"]["txHash"])
        assert (order["amountOut"], order["executedPrice"]) == (told[4]["data"]["amountOut"], told[4]["data"]["price"])
        (attempt,) = (await api.get(f"/api/orders/{order_id}/executions"))["executions"]
        assert (attempt["outcome"], attempt["signature"]) == ("landed", order["txHash"])
        assert {q["dex"] for q in attempt["quotes"]} == {"raydium", "meteora"}

        again, code = await api.follow(f"/ws/{order_id}?since=2")
        assert (again, code) == (told[2:], 1000)
        assert await api.follow("/ws/00000000-0000-7000-8000-000000000000") == ([], 4404)

        assert (await api.get("/api/queue/stats"))["completedCount"] == 1
        sockets = await api.get("/api/ws/stats")
        assert (sockets["opened"], sockets["eventsSent"]) == (3, 8)
        assert await api.get("/health") == {"status": "ok"}
        api.send_signal(signal.SIGINT)
        assert await api.ended() == (0, "")


async def test_many_at_once_each_on_its_own_socket_and_all_on_the_users_and_one_key_is_one_order(
    tmp_path: Path,
) -> None:
    async with started(tmp_path) as api:
        async with connect(api.url.replace("http", "ws") + "/ws?userId=user-123&since=0") as whole:
            ids = await asyncio.gather(*(api.place() for _ in range(5)))
            stories = await asyncio.gather(*(api.follow(f"/ws/{order_id}") for order_id in ids))
            assert [([e["status"] for e in told], code) for told, code in stories] == [(STORY, 1000)] * 5
            mine = [json.loads(await asyncio.wait_for(whole.recv(), 10)) for _ in range(25)]
        assert [e["userSeq"] for e in mine] == list(range(1, 26))
        assert sorted((e["orderId"], e["seq"]) for e in mine) == sorted((i, n) for i in ids for n in range(1, 6))

        async def place() -> tuple[int, bytes]:
            order, headers = ORDER | {"userId": "user-456"}, {"idempotency-key": "k"}
            async with api.http.post("/api/orders/execute", json=order, headers=headers) as answer:
                return answer.status, await answer.read()

        answers = await asyncio.gather(*(place() for _ in range(50)))
        assert {status for status, _ in answers} == {202}
        assert len({body for _, body in answers}) == 1
        assert (await api.get("/api/orders?userId=user-456"))["total"] == 1


async def test_orders_and_stories_are_there_after_a_kill_and_a_restart(tmp_path: Path) -> None:
    async with started(tmp_path) as api:
        order_id = await api.place()
        told, _ = await api.follow(f"/ws/{order_id}")
        waiting = [await api.place() for _ in range(20)]
        api.send_signal(signal.SIGKILL)
        await api.ended()
    async with started(tmp_path) as api:
        assert await api.follow(f"/ws/{order_id}") == (told, 1000)
        for story, code in await asyncio.gather(*(api.follow(f"/ws/{i}") for i in waiting)):
            assert code == 1000
            assert [e["seq"] for e in story] == list(range(1, len(story) + 1))
            assert story[-1]["status"] == "confirmed"


async def test_sockets_are_told_when_it_stops(tmp_path: Path) -> None:
    async with started(tmp_path, BESTFILL_MOCK_QUOTE_MS="60000", BESTFILL_QUOTE_TIMEOUT_MS="60000") as api:
        order_id = await api.place()
        async with connect(api.url.replace("http", "ws") + f"/ws/{order_id}") as following:
            await following.recv()
            api.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(20):
                    while True:
                        await following.recv()
            except ConnectionClosed as closed:
                code = code_of(closed)
        assert code == 1012
        assert (await api.ended())[0] == 0
