"""Redis forgets, dies or stays away: orders are accepted, found by the sweep, and told to every socket."""

import asyncio
import logging
import time
from collections.abc import Callable
from statistics import median

import redis

from bestfill_adapters.dramatiq.broker import QUEUE
from tests.deployed import until
from tests.e2e.faults.flight import COUNT, END_S, MORE, Flight, in_flight
from tools.servers import Valkey

AWAY_S = 10

log = logging.getLogger(__name__)


async def place_and_have_them_forgotten(flight: Flight, valkey: Valkey, forget: Callable[[], None]) -> None:
    """Place some orders, and lose the wakes for them before a worker has any: the list's, and then the message."""
    with redis.Redis.from_url(valkey.url) as client, flight.workers_standing_still():
        await flight.clients.place_all(MORE)

        async def sent() -> bool:
            return client.exists(f"dramatiq:{QUEUE}") == 1

        await until(sent)
        await asyncio.to_thread(forget)


async def test_a_killed_redis_that_comes_back_empty_loses_nothing(env, valkey: Valkey):
    async with in_flight(env) as flight:
        await place_and_have_them_forgotten(flight, valkey, valkey.kill)
        await flight.clients.place_all(range(MORE.stop, MORE.stop + 20))
        await asyncio.to_thread(valkey.start)
        await flight.all_end_well()


async def test_a_flushed_redis_loses_nothing(env, valkey: Valkey):
    async with in_flight(env) as flight:
        await place_and_have_them_forgotten(flight, valkey, valkey.flush)
        await flight.all_end_well()


async def test_without_redis_orders_are_accepted_at_once_and_sockets_go_on(env, valkey: Valkey):
    async with in_flight(env) as flight:
        valkey.pause()  # at first, it only hangs
        shown = asyncio.create_task(flight.clients.shown_the_end(END_S))  # those that are in flight now
        answers = []
        begun = time.monotonic()
        number = COUNT
        while (away_s := time.monotonic() - begun) < AWAY_S:
            if away_s > AWAY_S / 4 and valkey.running:
                await asyncio.to_thread(valkey.kill)
            answers.append(await flight.clients.place(number, keyed=number % 2 == 1))
            number += 1
            await asyncio.sleep(0.1)
        assert {answer.status for answer in answers} == {202}
        seconds = [answer.seconds for answer in answers]
        log.info("without Redis, accepted within: median %.4f s, longest %.4f s", median(seconds), max(seconds))
        assert median(seconds) < 0.2
        await shown
        await asyncio.to_thread(valkey.start)
        await flight.clients.place_all(range(number, number + 20))
        await flight.all_end_well()
