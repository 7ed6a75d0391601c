"""Order ids as they come out of Redis, where anybody may have put them."""

import re
from typing import Final

from bestfill.errors import ValidationError
from bestfill.units import OrderId

IDS_MAX: Final = 1_000
"""So many ids one message may have."""

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_order_id(value: object) -> bool:
    """Say whether this is the text of a lower-case UUID."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def read_ids(value: object) -> list[OrderId]:
    """Read a message's ids.

    Raises:
        ValidationError: it is no list of ids, or too long a one.
    """
    if not isinstance(value, list) or len(value) > IDS_MAX:
        raise ValidationError(f"must be a list of at most {IDS_MAX} order ids", "order_ids")
    if not all(map(is_order_id, value)):
        raise ValidationError("must hold order ids alone", "order_ids")
    return [OrderId(order_id) for order_id in value]
