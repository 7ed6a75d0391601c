"""The API dies: its clients come back and have missed nothing, and the workers go on."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from tests.deployed import api
from tests.e2e.faults.flight import MORE, in_flight


@pytest.fixture
def port() -> Iterator[str]:
    """Keep a port that nobody else gets, whether or not the API is there: it sets SO_REUSEADDR too."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield str(held.getsockname()[1])


async def test_clients_of_a_killed_api_go_on_at_the_next_one(env, port: str):
    async with in_flight(env | {"PORT": port}) as flight:
        placing = [asyncio.create_task(flight.clients.insist(number)) for number in MORE]
        await flight.front.kill()
        async with api(flight.env):
            await asyncio.gather(*placing)
            await flight.all_end_well()
            assert all(reader.cuts for reader in flight.clients.users.values())
