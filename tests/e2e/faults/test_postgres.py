"""PostgreSQL dies, cuts connections or stays away: whatever was acknowledged is there, and nothing is half done."""

import asyncio
import logging

from tests.e2e.faults.flight import MORE, in_flight
from tests.integration.sql.proxy import Proxy
from tools.servers import Postgres

log = logging.getLogger(__name__)


async def test_a_killed_database_that_is_started_again_loses_nothing(env, postgres: Postgres):
    async with in_flight(env) as flight:
        placing = [asyncio.create_task(flight.clients.insist(number)) for number in MORE]
        await asyncio.to_thread(postgres.kill)
        await asyncio.to_thread(postgres.start)
        await asyncio.gather(*placing)
        await flight.all_end_well()


async def test_without_a_database_nothing_is_accepted_and_with_it_all_goes_on(env, postgres: Postgres):
    async with in_flight(env) as flight:
        clients = flight.clients
        placing = [asyncio.create_task(clients.insist(number)) for number in MORE]
        await asyncio.to_thread(postgres.stop)
        # They are sent and refused while it is away; those with a key are sent again.
        numbers = range(MORE.stop, MORE.stop + 10)
        answers = await asyncio.gather(*(clients.place(n, keyed=n % 2 == 1) for n in numbers))
        assert {(answer.status, answer.code) for answer in answers} == {(503, "QUEUE_ERROR")}
        longest = max(answer.seconds for answer in answers)
        log.info("without a database, refused within %.2f s", longest)
        assert longest < 3  # the promise is 2
        await asyncio.to_thread(postgres.start)
        await asyncio.gather(*placing, *(clients.insist(n) for n in numbers if n % 2 == 1))
        await flight.all_end_well()


async def test_connections_that_are_cut_before_the_answer_lose_and_double_nothing(
    env, database_url: str, postgres: Postgres
):
    async with (
        Proxy(database_url) as proxy,
        in_flight(env | {"DATABASE_URL": proxy.url}, database_url=database_url) as flight,
    ):
        clients = flight.clients
        placing = [asyncio.create_task(clients.insist(number)) for number in MORE]
        cuts, reading = 0, [*clients.reading]
        while (await asyncio.wait(reading, timeout=0.3))[1]:  # as long as not all were shown the end
            cuts += 1
            await asyncio.to_thread(postgres.cut_connections) if cuts % 3 == 0 else proxy.lose_answers()
        log.info("connections were cut %d times", cuts)
        await asyncio.gather(*placing)
        await flight.all_end_well()
