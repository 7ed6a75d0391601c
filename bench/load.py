"""What both modes are measured by: throughput to confirmed, and latency at a steady rate."""

import asyncio
import time

from bench.client import Trader
from bench.report import percentiles

Rows = list[tuple[str, str]]


async def throughput(url: str, orders: int, connections: int, bare: float) -> Rows:
    """Post orders as fast as they are taken, and wait for their ends; `bare` is what HTTP alone allows a second."""
    async with Trader(url, "throughput", connections) as trader:
        await trader.watch()
        begin = time.perf_counter()
        took = await trader.crowd(orders)
        posted = time.perf_counter() - begin
        await trader.all_ended(orders)
        spent = time.perf_counter() - begin
    return [
        (f"{orders:,} orders to confirmed", f"{orders / spent:,.0f} orders/s, {trader.failed} failed"),
        ("as a part of bare HTTP", f"{orders / spent / bare:.2f}"),
        (f"accepting them over {connections} connections", f"{orders / posted:,.0f} orders/s"),
        ("submit under that load", percentiles(took)),
    ]


async def latency(url: str, rate: int, seconds: int) -> Rows:
    """Post orders at a steady rate; each has a connection that is open already."""
    async with Trader(url, f"at-{rate}", connections=64) as trader:
        await trader.watch()
        begin, count, tasks = time.perf_counter(), rate * seconds, []
        for i in range(count):
            await asyncio.sleep(max(0.0, begin + i / rate - time.perf_counter()))
            tasks.append(asyncio.create_task(trader.post()))
        posted = await asyncio.gather(*tasks)
        await trader.all_ended(count)
    return [
        (f"submit at {rate}/s", percentiles([took for _, _, took in posted])),
        (f"submit → confirmed at {rate}/s", percentiles([trader.ended[i] - began for i, began, _ in posted])),
    ]
