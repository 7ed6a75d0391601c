"""The queue of the deployed mode: Dramatiq's own broker on Redis or Valkey, and a list for those who are in a hurry."""

from bestfill_adapters.dramatiq.queue import DramatiqQueue
from bestfill_adapters.dramatiq.wakes import WakeList

__all__ = ["DramatiqQueue", "WakeList"]
