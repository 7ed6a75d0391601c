"""What operators set and look up, in the database of the orders: written once, with a runner for each database."""

from bestfill_adapters.sql.control.opening import opened
from bestfill_adapters.sql.control.store import SqlControl

__all__ = ["SqlControl", "opened"]
