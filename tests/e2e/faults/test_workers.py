"""A worker dies or leaves with many orders in hand: the other one takes them over, and nothing is swapped twice."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from bestfill.policy import ExecutionPolicy
from tests.deployed import Worker, worker
from tests.e2e.faults.flight import MORE, in_flight

LEASE_MS = ExecutionPolicy().lease_ms
"""Nothing stands still for so long, unless nobody knows that its worker is gone."""


async def test_what_a_killed_worker_had_in_hand_is_taken_over_soon_and_its_minder_says_that_it_failed(env):
    async with in_flight(env) as flight:
        doomed = flight.workers[0]
        os.kill(doomed.working_pid, signal.SIGKILL)
        await asyncio.gather(flight.all_taken_over(), flight.clients.place_all(MORE))
        assert (await doomed.ended())[0] == 1
        await flight.all_end_well()


async def test_a_worker_that_is_told_to_stop_finishes_what_it_has_in_hand(env):
    async with in_flight(env) as flight:
        leaving = flight.workers[0]
        leaving.send_signal(signal.SIGTERM)
        await flight.clients.place_all(MORE)
        assert await leaving.ended() == (0, "")
        assert (await flight.all_end_well()).longest < LEASE_MS


@asynccontextmanager
async def hasty(env: Mapping[str, str]) -> AsyncIterator[Worker]:
    async with worker(env, module="tests.e2e.faults.hasty") as process:
        yield process


async def test_a_worker_that_must_stop_at_once_releases_what_it_has_in_hand(env):
    async with in_flight(env, workers=(hasty, worker)) as flight:
        leaving = flight.workers[0]
        leaving.send_signal(signal.SIGTERM)
        await flight.clients.place_all(MORE)
        assert await leaving.ended() == (0, "")
        assert (await flight.all_end_well()).longest < LEASE_MS
