"""A worker dies or leaves with many orders in hand: the other one takes them over, and nothing is swapped twice."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from bestfill.policy import ExecutionPolicy
from tests.deployed import Worker, worker
from tests.e2e.faults.flight import MORE, in_flight

LEASE_MS = ExecutionPolicy().lease_ms
"""Nothing stands still for so long, unless nobody knows that its worker is gone."""


@pytest.mark.parametrize("alone", [False, True], ids=["with its minder", "the working process alone"])
async def test_what_a_killed_worker_had_in_hand_is_taken_over_soon(env, alone: bool):
    async with in_flight(env) as flight:
        doomed = flight.workers[0]
        if alone:
            os.kill(doomed.working_pid, signal.SIGKILL)
        else:
            await doomed.kill()
        await asyncio.gather(flight.all_taken_over(), flight.clients.place_all(MORE))
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
