"""The way to the nodes: by path, and with losses."""

import httpx
import pytest

from tests.unit.cluster.world import World
from tools.cluster.transport import ClusterTransport

SLOT = {"jsonrpc": "2.0", "id": 1, "method": "getSlot", "params": [{"commitment": "processed"}]}


class Sleep:
    """Notes how long it should have slept."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


def client(world: World, sleep: Sleep | None = None) -> httpx.AsyncClient:
    transport = ClusterTransport(world.cluster, sleep or Sleep())
    return httpx.AsyncClient(transport=transport, timeout=5, base_url="http://cluster")


async def test_each_node_has_a_path() -> None:
    world = World(nodes=2)
    world.cluster.nodes[1].lag = 30
    world.slots(30)
    async with client(world) as http:
        slots = [(await http.post(path, json=SLOT)).json()["result"] for path in ("/", "/1", "/2")]
        assert slots == [world.chain.slot, world.chain.slot, world.chain.slot - 30]
        for path in ("/3", "/0", "/x", "/²", "/1/2"):
            assert (await http.post(path, json=SLOT)).status_code == 404


async def test_a_lost_request_does_nothing_and_a_lost_reply_is_carried_out() -> None:
    for rule, done in (("lost_requests", 0), ("lost_replies", 1)):
        world, sleep = World(**{rule: 1.0}), Sleep()
        call = SLOT | {"method": "requestAirdrop", "params": [str(world.friend), 1_000_000]}
        async with client(world, sleep) as http:
            with pytest.raises(httpx.ReadTimeout):
                await http.post("/", json=call)
        world.slots(3)
        assert len(world.chain.landed) == done
        assert sleep.slept == [0.0, 5]


async def test_a_busy_node_says_when_to_come_again() -> None:
    async with client(World(busy=1.0)) as http:
        answer = await http.post("/", json=SLOT)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json()["error"]["code"] == 429


async def test_losses_and_delays_are_as_often_and_long_as_was_set() -> None:
    world, sleep = World(lost_replies=0.3, latency_ms=(20, 60)), Sleep()
    lost = 0
    async with client(world, sleep) as http:
        for _ in range(500):
            try:
                await http.post("/", json=SLOT)
            except httpx.ReadTimeout:
                lost += 1
    assert 110 < lost < 190
    waits = [slept for slept in sleep.slept if slept < 5]
    assert len(waits) == 500 and 0.02 <= min(waits) < 0.025 and 0.055 < max(waits) <= 0.06
