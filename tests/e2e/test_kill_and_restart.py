"""What a killed process had in hand is finished by the next one, and nothing is swapped twice."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import aiohttp

from bestfill.order import Status
from bestfill.testing.invariants import check_order
from bestfill.units import OrderId
from bestfill_adapters.container import DATABASE
from bestfill_adapters.sql.sqlite import SqliteFile, SqliteStore

ROOT = Path(__file__).parents[2]


async def die_with_orders_in_hand(folder: Path) -> list[str]:
    """Run the doomed process until it has its orders where they should be, then kill it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.e2e.doomed", str(folder), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    ids: list[str] = []
    try:
        while (line := (await process.stdout.readline()).decode().strip()) != "ready":
            assert line, "it ended by itself"
            ids.append(line)
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()
    return ids


async def serve_until_all_ended(folder: Path, ids: list[str]) -> None:
    """Start the API on the same folder, and follow the user until each order has ended."""
    environ = {**os.environ, "PORT": "0", "BESTFILL_DATA_DIR": str(folder), "BESTFILL_CONCURRENCY": "60"}
    environ |= {"BESTFILL_MOCK_QUOTE_MS": "0", "BESTFILL_MOCK_CONFIRM_MS": "0"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bestfill_api", env=environ, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        url = next(w for w in (await process.stdout.readline()).decode().split() if w.startswith("http"))
        left = set(ids)
        async with aiohttp.ClientSession() as http, http.ws_connect(f"{url}/ws?userId=user-123&since=0") as socket:
            while left:
                event = json.loads((await socket.receive(timeout=60)).data)
                if event["status"] in ("confirmed", "failed"):
                    left.discard(event["orderId"])
    finally:
        process.send_signal(signal.SIGINT)
        await process.communicate()
    assert process.returncode == 0


async def test_every_order_that_a_killed_process_had_in_hand_ends_and_none_is_swapped_twice(tmp_path):
    ids = await die_with_orders_in_hand(tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database:
        before = dict(database.execute("SELECT status, count(*) FROM orders GROUP BY status"))
    assert before == {"routing": 20, "building": 20, "submitted": 20}

    await serve_until_all_ended(tmp_path, ids)

    with closing(sqlite3.connect(tmp_path / DATABASE)) as database:
        landed = Counter(i for (i,) in database.execute("SELECT order_id FROM mock_landings WHERE outcome = 'landed'"))
    store = SqliteStore(SqliteFile(tmp_path / DATABASE))
    store.start()
    try:
        for order_id in ids:
            order = await check_order(store, OrderId(order_id))
            assert order.status is Status.CONFIRMED
            assert landed[order_id] == 1
    finally:
        store.close()
    assert landed.total() == len(ids)
