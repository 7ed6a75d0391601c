"""Runs the deployed mode on this machine, and does all kinds of harm to it; see ./dev help."""

import argparse
import asyncio
import os
import random
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import uvloop

from tools.chaos.campaign import Campaign
from tools.chaos.plan import Plan
from tools.chaos.report import progress, report
from tools.servers import Postgres, ServerError, Valkey

MINUTES: Final = 10
ORDERS_A_SECOND: Final = 10
LONGEST_S: Final = 24 * 3600
KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR")
"""Of the caller's environment, nothing else reaches the services."""
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOPPED: Final = "chaos: stopped before its end, so nothing is proven"
PLAIN_EACH: Final = 5
"""Where no terminal shows it, each so many steps of the progress are told."""


def main(arguments: list[str]) -> int:
    """Run to the end; give the exit code: 1 if something is wrong or it was cut short, 2 if the call is not valid."""
    plan, options = _parsed(arguments)
    if options.plan:
        print("\n".join(map(str, plan.faults())))
        return 0
    # While servers start and stop. What was started by then is ended on the way.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        # As in production, commits wait for the disk.
        with Postgres(durable=True) as postgres, Valkey() as valkey:
            try:
                return uvloop.run(_run(plan, options.log, postgres, valkey))
            finally:
                for number in SIGNALS:
                    signal.signal(number, signal.SIG_IGN)  # the servers are about to end anyway
    except* ServerError as group:
        print(f"chaos: {_first(group)}", file=sys.stderr)
    except* (KeyboardInterrupt, asyncio.CancelledError):
        print(STOPPED, file=sys.stderr)
    return 1


def _first(group: BaseExceptionGroup[ServerError]) -> BaseException:
    """Give the first error of a group, however deep."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


async def _run(plan: Plan, log: Path | None, postgres: Postgres, valkey: Valkey) -> int:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        for number in SIGNALS:
            loop.add_signal_handler(number, lambda: None)  # all that was started is being ended
        if task is not None:
            task.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    how = f"--seed {plan.seed} --seconds {plan.seconds:g} --orders {plan.orders} --workers {plan.workers}"
    print(f"chaos: {how}: {len(plan.faults())} faults are planned (--plan shows them), besides kills at failpoints")
    print(f"chaos: PostgreSQL {postgres.url}, Valkey {valkey.url}", flush=True)
    environ = {name: os.environ[name] for name in KEPT if name in os.environ}
    campaign = Campaign(plan, postgres, valkey, environ, _Teller())
    try:
        violations = await campaign.run()
    finally:
        if log is not None:
            await asyncio.to_thread(_write, log, campaign)
    print(*report(campaign), sep="\n", flush=True)
    return 1 if violations else 0


def _write(log: Path, campaign: Campaign) -> None:
    log.write_text("".join(f"{entry}\n" for entry in campaign.journal.entries))


class _Teller:
    """Tells how far it is: on a terminal in one line, elsewhere now and then."""

    def __init__(self) -> None:
        self._steps = 0

    def __call__(self, campaign: Campaign) -> None:
        with suppress(OSError):  # nobody may be there to read it
            if sys.stderr.isatty():
                print(f"\r\033[K{progress(campaign)}", end="", file=sys.stderr, flush=True)
            elif self._steps % PLAIN_EACH == 0:
                print(progress(campaign), file=sys.stderr, flush=True)
        self._steps += 1


def _parsed(arguments: list[str]) -> tuple[Plan, argparse.Namespace]:
    parser = argparse.ArgumentParser(
        prog="./dev chaos", description="The deployed mode as real processes, under real faults."
    )
    parser.add_argument("--seed", type=int, metavar="N", help="plans the faults (default: drawn, and told)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, metavar="N", help=f"how long faults come (default: {MINUTES})")
    length.add_argument("--seconds", type=float, metavar="N", help="the same in seconds")
    parser.add_argument(
        "--orders", type=int, metavar="N", help=f"how many in all (default: {ORDERS_A_SECOND} a second)"
    )
    parser.add_argument("--workers", type=int, default=3, metavar="N", help="how many workers (default: 3)")
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="write there what was done, and all that services said"
    )
    parser.add_argument("--plan", action="store_true", help="show the planned faults, and do nothing")
    options = parser.parse_args(arguments)
    seconds = options.seconds if options.seconds is not None else 60 * (options.minutes or 0)
    if options.seconds is None and options.minutes is None:
        seconds = 60 * MINUTES
    if not 1 <= seconds <= LONGEST_S:
        parser.error(f"{'--seconds' if options.minutes is None else '--minutes'}: must be from 1 second to 24 hours")
    orders = round(seconds * ORDERS_A_SECOND) if options.orders is None else options.orders
    if orders < 1:
        parser.error("--orders: must be at least 1")
    if options.workers < 1:
        parser.error("--workers: must be at least 1")
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    return Plan(seed=seed, seconds=seconds, orders=orders, workers=options.workers), options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
