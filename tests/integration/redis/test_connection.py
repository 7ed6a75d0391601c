"""A connection to Redis, when whoever waits for it is cancelled or has waited long enough."""

import asyncio

import pytest
from redis.asyncio import Connection
from redis.exceptions import RedisError

from bestfill_adapters.redis.connection import connection, pool, within
from tools.servers import Valkey


async def ask(link: Connection, reply_s: float) -> None:
    async with within(reply_s):
        await link.send_command("PING")
        await link.read_response()


@pytest.mark.parametrize("query", ["", "?socket_timeout=5"])
async def test_a_cancellation_is_not_swallowed_at_any_moment(valkey: Valkey, query: str):
    link = connection(pool(valkey.url + query))
    moment = 0
    while True:
        asking = asyncio.create_task(ask(link, 20))
        for _ in range(moment):
            await asyncio.sleep(0)
        if not asking.cancel():
            break
        await asyncio.wait([asking])
        assert asking.cancelled(), f"swallowed after {moment} turns"
        moment += 1
    assert moment > 3
    await link.disconnect()


async def test_a_reply_that_does_not_come_is_an_error(valkey: Valkey):
    link = connection(pool(valkey.url))
    await link.connect()
    valkey.pause()
    with pytest.raises(RedisError, match="no reply in time"):
        await ask(link, 0.05)
    await link.disconnect(nowait=True)
