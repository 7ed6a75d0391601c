"""What Dramatiq's worker calls as it starts and stops."""

import logging
import os
import signal
import sys
from types import FrameType
from typing import TextIO

from dramatiq import Broker, Middleware, Worker

from bestfill.errors import BestfillError
from bestfill_adapters.settings import SettingsError
from bestfill_worker.loop import OrderLoop

log = logging.getLogger(__name__)


class Hooks(Middleware):
    """Opens the loop before any message is taken, and closes it after the last."""

    def __init__(self, loop: OrderLoop) -> None:
        self._loop = loop

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Start the loop; if that fails, end the process: Dramatiq would log it and take messages all the same."""
        _heed_the_first_signal()
        try:
            self._loop.start()
        except (BestfillError, SettingsError, OSError) as error:
            _tell(sys.__stderr__, f"bestfill: {error.reason if isinstance(error, BestfillError) else error}")
            raise SystemExit(1) from None
        except Exception:
            log.exception("cannot start")
            raise SystemExit(1) from None

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Say that orders are taken."""
        _tell(sys.__stdout__, f"bestfill worker is ready (process {os.getpid()})")

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Take nothing more, and let the threads go that wait for a place."""
        self._loop.drain()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Wait for what is in hand."""
        self._loop.close()


def _heed_the_first_signal() -> None:
    """Have Dramatiq stop at the first signal, and nobody at those that follow.

    The process that minds this one passes on each it gets, and whoever signals a whole group reaches both. At a second
    one Dramatiq would drop everything.
    """
    numbers = (signal.SIGTERM, signal.SIGHUP)
    stops = {number: signal.getsignal(number) for number in numbers}

    def heed(number: int, frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        stop = stops[signal.Signals(number)]
        if callable(stop):
            stop(number, frame)

    for number in numbers:
        signal.signal(number, heed)


def _tell(stream: TextIO | None, line: str) -> None:
    print(line, file=stream, flush=True)
