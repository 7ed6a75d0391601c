"""The queue and the notifier of the embedded mode: within one process, and gone with it."""

from bestfill_adapters.memory.notifier import MemoryNotifier
from bestfill_adapters.memory.queue import MemoryQueue

__all__ = ["MemoryNotifier", "MemoryQueue"]
