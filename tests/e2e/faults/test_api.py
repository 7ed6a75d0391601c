"""The API dies: its clients come back and have missed nothing, and the workers go on."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.deployed import api
from tests.e2e.faults.flight import MORE, in_flight
from tools.chaos.service import reserved_port


@pytest.fixture
def port() -> Iterator[str]:
    with reserved_port() as held:
        yield str(held)


async def test_clients_of_a_killed_api_go_on_at_the_next_one(env, port: str):
    async with in_flight(env | {"PORT": port}) as flight:
        placing = [asyncio.create_task(flight.clients.insist(number)) for number in MORE]
        await flight.front.kill()
        async with api(flight.env):
            await asyncio.gather(*placing)
            await flight.all_end_well()
            assert all(reader.sockets > 1 for reader in flight.clients.users.values())
