"""Whose orders somebody may see and place: their own. Of others not even that they exist.

Without access control the owner is None, and callers say themselves whose orders they mean.
"""

from typing import Final

from bestfill.errors import Forbidden, OrderNotFound
from bestfill.order import Order

NO_ORDER: Final = "there is no such order"


def own_order(order: Order, owner: str | None) -> Order:
    """Give the order, if it is the owner's.

    Raises:
        OrderNotFound: it is another's.
    """
    if owner is not None and order.user_id != owner:
        raise OrderNotFound(NO_ORDER)
    return order


def own_list(named: str | None, owner: str | None) -> str | None:
    """Give whose orders are asked for.

    Raises:
        OrderNotFound: they are another's.
    """
    if owner is not None and named not in (None, owner):
        raise OrderNotFound("there is no such user")
    return named or owner


def own_name(named: str | None, owner: str | None) -> str | None:
    """Give in whose name an order is placed or previewed.

    Raises:
        Forbidden: in another's.
    """
    if owner is not None and named not in (None, owner):
        raise Forbidden("userId is not the user of your credential; leave it out")
    return named or owner
