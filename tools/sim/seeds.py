"""Runs seeds, on as many cores as there are."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from attrs import frozen

from tools.sim.breaks import BREAKS, Break
from tools.sim.halts import HaltingWorld
from tools.sim.life import Outcome
from tools.sim.world import World

WORKERS: Final = 3

MODEL: Final = "model"
SOLANA: Final = "solana"
CHAINS: Final = {MODEL: 13, SOLANA: 25}
"""By the chain that the orders are swapped on: how many there are in a seed, unless it is said."""
ORDERS: Final = CHAINS[MODEL]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@frozen
class Scene:
    """What every seed is run with; `broken` names the rule that is taken out, if one is.

    `operated`: somebody halts the engine now and then, and bounds what a user may sell on a day; on the model alone.
    """

    orders: int = ORDERS
    workers: int = WORKERS
    broken: str | None = None
    chain: str = MODEL
    operated: bool = False

    @property
    def breaks(self) -> Mapping[str, Break]:
        """The rules that can be taken out, by name."""
        if self.chain == MODEL:
            return BREAKS
        from tools.sim.solana import breaks

        return breaks.BREAKS


def run(scene: Scene, seed: int, *, tells: bool = False) -> Outcome:
    """Live through one seed; with `tells`, keep its story."""
    broken = Break(means="") if scene.broken is None else scene.breaks[scene.broken]
    with broken.patched():
        if scene.chain == MODEL:
            world = HaltingWorld if scene.operated else World
            return world(seed, scene.orders, scene.workers, broken.parts, tells=tells).run()
        from tools.sim.solana import world as solana

        return solana.World(seed, scene.orders, scene.workers, tells=tells).run()


def run_all(scene: Scene, seeds: Sequence[int], jobs: int) -> Iterator[Outcome]:
    """Live through many seeds, in the order in which they end; with one job, in their own order."""
    if jobs == 1 or len(seeds) == 1:
        yield from (run(scene, seed) for seed in seeds)
        return
    # Held back until each child has said what a signal means to it.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    with multiprocessing.get_context("fork").Pool(jobs, _settle) as pool:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        yield from pool.imap_unordered(partial(run, scene), seeds, chunksize=4)


def _settle() -> None:
    """End with the parent, and by its will alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
