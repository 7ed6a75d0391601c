"""The least that a swap may pay out, and the check of what it did."""

from bestfill.errors import ExecutionError, SlippageExceeded
from bestfill.order import Attempt, Order
from bestfill.quote import Fill
from bestfill.units import BPS, BaseUnits, Bps
from bestfill.vetting import is_fill


def min_out(quoted_out: BaseUnits, slippage_bps: Bps, min_amount_out: BaseUnits | None) -> BaseUnits:
    """Give the bound that is handed to the venue: the stricter of the user's minimum and the quote less slippage.

    `max(min_amount_out, ⌊quoted_out · (1 − slippage)⌋)`, and never 0, so that no swap can pay out nothing.

    Raises:
        SlippageExceeded: the quote itself is below the user's minimum, or pays out nothing.
    """
    if quoted_out < max(1, min_amount_out or 0):
        raise SlippageExceeded(f"the quote of {quoted_out} base units is below the minimum")
    return BaseUnits(max(1, min_amount_out or 0, quoted_out * (BPS - slippage_bps) // BPS))


def check_fill(order: Order, attempt: Attempt, fill: Fill) -> None:
    """Hold a fill against the order and the bound of its attempt.

    Raises:
        SlippageExceeded: it paid out less than the bound.
        ExecutionError: it did not take exactly the order's amount, or is no fill at all.
    """
    if not is_fill(fill):
        raise ExecutionError("the fill is not two amounts from 0 to 2**64 - 1")
    if fill.amount_in != order.amount_in:
        raise ExecutionError(f"the fill took {fill.amount_in} base units instead of {order.amount_in}")
    if attempt.min_out is None or fill.amount_out < attempt.min_out:
        raise SlippageExceeded(f"the fill paid {fill.amount_out} base units, below {attempt.min_out}")
