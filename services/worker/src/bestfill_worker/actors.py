"""What Dramatiq's worker process loads: the broker, and the one actor."""

import logging
import sys
from typing import Final

import dramatiq
from dramatiq.middleware import Retries

from bestfill.errors import ValidationError
from bestfill_adapters import logs
from bestfill_adapters.container.deployed import Deployed
from bestfill_adapters.dramatiq.broker import ACTOR, QUEUE, Broker, connect, make_broker
from bestfill_adapters.dramatiq.ids import read_ids
from bestfill_worker.hooks import Hooks
from bestfill_worker.loop import OrderLoop

CONNECTIONS: Final = 16

log = logging.getLogger(__name__)


def setup() -> None:
    """Make the worker by the environment's settings, and its broker Dramatiq's global one.

    Raises:
        SettingsError: they are not valid, or those of the embedded mode.
    """
    container = Deployed()
    # Not to sys.stderr: here, that is a pipe to the process that minds this one, and breaks when it is killed.
    logs.configure(container.settings().log_level, sys.__stderr__)
    dramatiq.set_broker(assemble(container, OrderLoop(container)))


def assemble(container: Deployed, loop: OrderLoop) -> Broker:
    """Make the broker, whose one actor hands orders over to the loop.

    Messages that make no sense become dead letters at once; what else fails is tried again a few times, though no
    order depends on it.
    """
    retries = Retries(max_retries=3, min_backoff=1_000, max_backoff=30_000)
    broker = make_broker(connect(container.settings().redis_url or "", CONNECTIONS), [retries, Hooks(loop)])

    def run_orders(*args: object, **kwargs: object) -> None:
        try:
            order_ids = read_ids(args[0] if len(args) == 1 and not kwargs else None)
        except ValidationError as error:
            log.warning("a message became a dead letter", extra={"queue": QUEUE, "reason": error.reason})
            raise
        loop.hand_over(order_ids)

    dramatiq.actor(actor_name=ACTOR, queue_name=QUEUE, broker=broker, throws=ValidationError)(run_orders)
    return broker
