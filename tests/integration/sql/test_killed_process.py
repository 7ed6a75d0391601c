"""kill -9 in the middle of writing loses nothing that was acknowledged, and leaves nothing half-written."""

import subprocess
import sys
from pathlib import Path

import pytest

from bestfill.testing.invariants import check_order
from bestfill.testing.samples import NOW, order_id
from bestfill.units import Millis
from bestfill_adapters.sql.sqlite import SqliteStore

pytestmark = pytest.mark.anyio

WRITE = """
import asyncio, sys
from pathlib import Path
from bestfill.testing import samples
from bestfill_adapters.sql.sqlite import SqliteFile, SqliteStore

async def story(store, number):
    order, event = samples.new_order(number)
    await store.place(order, event)
    move = samples.started(order)
    await store.commit(move)
    print(number, move.order.seq, flush=True)
    for step in (samples.chosen, samples.submitted, samples.landed):
        move = step(move.order, move.attempt)
        await store.commit(move)
        print(number, move.order.seq, flush=True)

async def main():
    file = SqliteFile(Path(sys.argv[1]))
    file.acquire()
    store = SqliteStore(file)
    store.start()
    for first in range(0, 10_000, 50):
        await asyncio.gather(*(story(store, first + n) for n in range(50)))

asyncio.run(main())
"""


def write_until_killed(path: Path, lines: int) -> dict[int, int]:
    """Kill a writer after it has acknowledged some lines; give the last acknowledged `seq` of each order."""
    with subprocess.Popen([sys.executable, "-c", WRITE, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        told += process.stdout.readlines()
    whole = (line.split() for line in told if line.endswith("\n"))  # the last may be cut short
    return {int(number): int(seq) for number, seq in whole}


@pytest.mark.parametrize("lines", [40, 333, 1_000])
async def test_what_was_acknowledged_is_there_and_whole(file, lines):
    acknowledged = write_until_killed(file.path, lines)
    assert acknowledged
    file.acquire()
    store = SqliteStore(file)
    store.start(NOW)
    try:
        for number, seq in acknowledged.items():
            order = await check_order(store, order_id(number))
            assert order.seq >= seq, f"order {number} was acknowledged at {seq}"
        stream = await store.user_events("user-123", limit=100_000)
        assert [e.user_seq for e in stream] == list(range(1, len(stream) + 1))
        counts = await store.counts(NOW)
        told = [e.order_id for e in stream if e.seq == 1]
        assert counts.waiting + counts.active + counts.completed == len(told)
        for placed in told:
            await check_order(store, placed)
        due = await store.claim_due(NOW, Millis(NOW + 9_000), 1_000)
        assert len(due) == counts.waiting + counts.active, "each unfinished order is due at once"
    finally:
        store.close()
        file.release()
