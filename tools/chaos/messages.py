"""Messages that nobody has sent, and that come in another order than they were sent."""

import random
from collections.abc import Sequence

from redis import Redis

from bestfill.units import OrderId
from bestfill_adapters.dramatiq.broker import QUEUE, connect, make_broker, wake_message
from bestfill_adapters.dramatiq.wakes import WAKES, push


def wake(url: str, batches: Sequence[tuple[Sequence[OrderId], int]], listed: Sequence[OrderId]) -> None:
    """Send a message for each batch, after its delay in milliseconds, and put wakes on the list."""
    client = connect(url, 2)
    try:
        broker = make_broker(client)
        for order_ids, delay_ms in batches:
            broker.enqueue(wake_message(order_ids), delay=delay_ms or None)
        push(client, [*listed])
    finally:
        client.close()


def shuffle(url: str, dice: random.Random) -> None:
    """Put what waits, as messages and on the wake list, in another order."""
    with Redis.from_url(url) as client:
        for key in (WAKES, f"dramatiq:{QUEUE}"):
            with client.pipeline(transaction=True) as all_at_once:
                all_at_once.lrange(key, 0, -1)
                all_at_once.delete(key)
                waiting = all_at_once.execute()[0]
            if waiting:
                client.rpush(key, *dice.sample(waiting, len(waiting)))
