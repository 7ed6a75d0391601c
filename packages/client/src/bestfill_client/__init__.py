"""A client of a bestfill engine: `Bestfill` blocks, `AsyncBestfill` awaits, and both do the same.

with Bestfill("http://127.0.0.1:3000", user_id="user-123") as engine:
    accepted = engine.submit("SOL", "USDC", "1.5", slippage="0.5")
    order = engine.wait(accepted.order_id, timeout_s=60)
"""

from bestfill_client.aio import AsyncBestfill
from bestfill_client.arguments import Amount, new_key
from bestfill_client.blocking import Bestfill
from bestfill_client.errors import (
    BadAnswer,
    EngineError,
    FieldError,
    Forbidden,
    Limited,
    NotAllowed,
    NotAuthorized,
    NotFound,
    NotValid,
    Refused,
    TimedOut,
    TooLate,
    Unavailable,
    Unreachable,
    WrongArgument,
)
from bestfill_client.models import (
    Accepted,
    Activity,
    ActivityStep,
    Event,
    Execution,
    Health,
    Leg,
    Order,
    OrderPage,
    Preview,
    QueueStats,
    Quote,
    Refusal,
    SocketStats,
    Token,
    VenueActivity,
)
from bestfill_client.patience import Patience

__all__ = [
    "Accepted",
    "Activity",
    "ActivityStep",
    "Amount",
    "AsyncBestfill",
    "BadAnswer",
    "Bestfill",
    "EngineError",
    "Event",
    "Execution",
    "FieldError",
    "Forbidden",
    "Health",
    "Leg",
    "Limited",
    "NotAllowed",
    "NotAuthorized",
    "NotFound",
    "NotValid",
    "Order",
    "OrderPage",
    "Patience",
    "Preview",
    "QueueStats",
    "Quote",
    "Refusal",
    "Refused",
    "SocketStats",
    "TimedOut",
    "Token",
    "TooLate",
    "Unavailable",
    "Unreachable",
    "VenueActivity",
    "WrongArgument",
    "new_key",
]
