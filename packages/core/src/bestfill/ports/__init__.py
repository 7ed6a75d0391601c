"""What the engine needs from outside. Adapters subclass these, so that a missing method fails at construction."""

from bestfill.ports.clock import Clock, Entropy
from bestfill.ports.control import ControlStore, Halt, Reservation
from bestfill.ports.network import Network
from bestfill.ports.notifier import Notifier
from bestfill.ports.queue import OrderQueue
from bestfill.ports.store import OrderCounts, OrderPage, OrderStore
from bestfill.ports.telemetry import Quoted, Telemetry
from bestfill.ports.venue import Venue

__all__ = [
    "Clock",
    "ControlStore",
    "Entropy",
    "Halt",
    "Network",
    "Notifier",
    "OrderCounts",
    "OrderPage",
    "OrderQueue",
    "OrderStore",
    "Quoted",
    "Reservation",
    "Telemetry",
    "Venue",
]
