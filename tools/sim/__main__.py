"""Simulates orders, and all that may befall them; see ./dev help."""

import argparse
import os
import signal
import sys
import time

from tools.sim.report import Tally, progress
from tools.sim.seeds import CHAINS, MODEL, SOLANA, WORKERS, Scene, run, run_all

SEEDS = {MODEL: 100, SOLANA: 40}
ORDERS_TO_FIND = 2_000
"""A broken rule must be noticed within so many."""


def main(arguments: list[str]) -> int:
    """Run what is asked for; return the exit code: 1 if an invariant is violated, 2 if the call is not valid."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.operated and (options.chain != MODEL or options.broken is not None):
        parser.error("--operated is for the model alone, with all rules in place")
    orders = options.orders or CHAINS[options.chain]
    scene = Scene(orders, options.workers, options.broken, options.chain, options.operated)
    if options.broken == "list":
        print("\n".join(scene.breaks))
        return 0
    if options.broken is not None and options.broken not in scene.breaks:
        parser.error(f"--break: there is no rule {options.broken!r}; there are: {', '.join(scene.breaks)}")
    if options.seed is not None and options.seeds is not None:
        parser.error("--seed replays one seed, --seeds runs many: give one of them")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.seed is not None:
            return _replay(scene, options.seed)
        if scene.broken is not None:
            return _find(scene, scene.broken, options.first, options.seeds or -(-ORDERS_TO_FIND // scene.orders))
        return _run(scene, options.first, options.seeds or SEEDS[scene.chain], options.jobs)
    except KeyboardInterrupt:
        print("sim: stopped before its end, so nothing is proven", file=sys.stderr)
        return 1
    except BrokenPipeError:  # nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev sim",
        description="Runs the real engine in a world whose time, chance and misfortunes a seed owns.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--seeds",
        type=_count,
        metavar="N",
        help=f"how many to run (default: {SEEDS[MODEL]}; on Solana {SEEDS[SOLANA]})",
    )
    parser.add_argument("--first", type=_seed, default=0, metavar="N", help="the first of them (default: 0)")
    parser.add_argument("--seed", type=_seed, metavar="N", help="run this one, and tell its story")
    parser.add_argument(
        "--chain",
        choices=CHAINS,
        default=MODEL,
        help="what swaps land on: a model of a chain, or the Solana adapter's own local cluster (default: model)",
    )
    parser.add_argument(
        "--orders", type=_count, metavar="N", help=f"a seed (default: {CHAINS[MODEL]}; on Solana {CHAINS[SOLANA]})"
    )
    parser.add_argument("--workers", type=_count, default=WORKERS, metavar="N", help=f"a seed (default: {WORKERS})")
    parser.add_argument(
        "--jobs", type=_count, default=os.cpu_count(), metavar="N", help="processes (default: one a core)"
    )
    parser.add_argument(
        "--operated",
        action="store_true",
        help="have an operator halt the engine now and then, and bound what a user may sell on a day",
    )
    parser.add_argument(
        "--break",
        dest="broken",
        metavar="RULE",
        help="take a safety rule out, and look for what follows; list: name them",
    )
    return parser


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 10**6:
        raise argparse.ArgumentTypeError("must be a whole number from 1 to 1000000")
    return int(text)


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 10**12:
        raise argparse.ArgumentTypeError("must be a whole number from 0 to 1000000000000")
    return int(text)


def _replay(scene: Scene, seed: int) -> int:
    outcome = run(scene, seed, tells=True)
    print("\n".join(outcome.story))
    tally = Tally(scene)
    tally.add(outcome)
    print(f"\nseed {seed}: {outcome.orders} orders, {outcome.faults.total()} faults, trace {outcome.trace}")
    tally.print_violations()
    return 1 if outcome.violations else 0


def _run(scene: Scene, first: int, seeds: int, jobs: int) -> int:
    tally, begin = Tally(scene), time.monotonic()
    for outcome in run_all(scene, range(first, first + seeds), jobs):
        tally.add(outcome)
        progress(tally.seeds, seeds, tally.orders)
    tally.print(time.monotonic() - begin)
    return 1 if tally.wrong else 0


def _find(scene: Scene, rule: str, first: int, seeds: int) -> int:
    """Look seed by seed for what a broken rule does, so that the number of orders that it takes is always the same."""
    tally = Tally(scene)
    print(f"{rule}: {scene.breaks[rule].means}")
    for outcome in run_all(scene, range(first, first + seeds), 1):
        tally.add(outcome)
        if tally.wrong:
            print(f"found after {tally.orders:,} orders")
            tally.print_violations()
            return 1
        progress(tally.seeds, seeds, tally.orders)
    print(f"NOT found in {tally.orders:,} orders")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
