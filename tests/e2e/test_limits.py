"""The limits of three API processes are one limit while there is Redis; without it they are lower, never higher."""

import asyncio
import re
from collections import Counter
from contextlib import AsyncExitStack

from tests.deployed import ApiProcess, api, environment
from tools.servers import Valkey

LIMIT, APIS, EACH = 1_000, 3, 510
TRIES = 5
ALONE = "limits are counted by each process alone"
_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")


async def asked(apis: list[ApiProcess], address: str) -> Counter[int]:
    """Ask all of them at once, EACH times, from one address; count the statuses."""
    request = f"GET /health/live HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: {address}\r\n"
    last = f"{request}connection: close\r\n\r\n"

    async def ask(process: ApiProcess) -> list[bytes]:
        reader, writer = await asyncio.open_connection(process.host, process.port)
        writer.write((f"{request}\r\n" * (EACH - 1) + last).encode())
        told = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        return _STATUS.findall(told)

    return Counter(int(status) for one in await asyncio.gather(*map(ask, apis)) for status in one)


async def test_three_processes_keep_one_limit_and_without_redis_a_lower_one(migrated_url: str, valkey: Valkey) -> None:
    env = environment(migrated_url, valkey.url, BESTFILL_LIMIT_IP=f"{LIMIT}/3600", BESTFILL_TRUSTED_PROXIES="127.0.0.1")
    async with AsyncExitStack() as stack:
        apis = await asyncio.gather(*(stack.enter_async_context(api(env)) for _ in range(APIS)))
        for number in range(TRIES):
            said = sum(len(one.said) for one in apis)
            statuses = await asked(apis, f"192.0.2.{number}")
            assert set(statuses) == {200, 429} and statuses.total() == APIS * EACH
            if sum(len(one.said) for one in apis) == said:
                break  # or else this machine is so busy that one of them has given Redis up, and says so
        assert LIMIT * 0.99 <= statuses[200] <= LIMIT * 1.01
        valkey.kill()
        statuses = await asked(apis, "192.0.2.200")
        assert set(statuses) == {200, 429} and 0 < statuses[200] < LIMIT
        assert all(any(ALONE in line for line in one.said) for one in apis)
