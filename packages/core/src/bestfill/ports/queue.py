"""The queue."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from bestfill.units import OrderId


class OrderQueue(Protocol):
    """Wakes workers. A hint, never the truth: it may lose, repeat, delay and reorder; the sweep makes up for it."""

    @abstractmethod
    async def wake(self, order_ids: Sequence[OrderId], delay_ms: int = 0) -> None:
        """Ask that some worker run these orders, after a delay. MUST NOT wait until they have run.

        Raises:
            QueueError: the hint could not be given.
        """
