"""What one quote costs: from account bytes, parsed anew each time, to the amount, for each recorded pool."""

import gc
import time
from pathlib import Path

from bench.report import calibration, percentile, percentiles, table
from bestfill_adapters.solana.replay import VENUES, Recording, load, quoting

ROUNDS = 20
DATA = Path(__file__).parent.parent / "tests/data/solana"
LIMIT_MS = {"raydium_cpmm": 1, "raydium_clmm": 5, "meteora_dlmm": 5, "meteora_damm_v2": 1}


async def main() -> None:
    rows = [*calibration()]
    for venue in VENUES:
        recording = load(DATA / f"{venue}.json")
        for pool in recording.pools:
            if spent := _costs(recording, pool):
                limit = "within" if percentile(spent, 0.99) <= LIMIT_MS[venue] / 1_000 else "OVER"
                figure = f"{percentiles(spent, places=3)}; {limit} {LIMIT_MS[venue]} ms"
                rows.append((f"{venue} {pool}", figure))
    table(f"Quotes from account bytes: every recorded swap that pays, {ROUNDS} times each; the limit is for p99", rows)


def _costs(recording: Recording, pool: str) -> list[float]:
    """Give what each quote of a pool's cases takes, in seconds."""
    price = quoting(recording.venue)
    cases = [case for case in recording.cases if case.pool == pool and case.amount_out is not None]
    spent: list[float] = []
    gc.collect()
    gc.freeze()  # the recordings are the benchmark's, and no part of what it measures
    for _ in range(ROUNDS):
        for case in cases:
            begin = time.perf_counter()
            price(
                recording.accounts,
                recording.pools[pool],
                forward=case.forward,
                amount_in=case.amount_in,
                now=case.now,
            )
            spent.append(time.perf_counter() - begin)
    gc.unfreeze()
    return spent
