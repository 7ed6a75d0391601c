"""Whatever venues and the network answer is checked here, in type and range, before it is used or stored.

A wrong type is no mere nuisance: what is stored must be readable after a restart, and what decides whether a swap is
dead must be a number. All checks are by exact type, since bools are ints and equal floats are not the same row.
"""

from typing import Final

from bestfill.errors import ExecutionError, NetworkUnavailable
from bestfill.quote import Fill, Height, Leg, Quote, QuoteRequest, SignedSwap, SwapOutcome, SwapStatus
from bestfill.units import U64_MAX

PAYLOAD_MAX_BYTES: Final = 64 * 1024
TRANSACTION_MAX_BYTES: Final = 64 * 1024
TEXT_MAX_CHARS: Final = 200
_I64_MAX: Final = 2**63 - 1


def quote_fault(request: QuoteRequest, quote: Quote) -> str | None:
    """Say why a quote does not answer the request, or None if it does."""
    numbers = (quote.amount_in, quote.amount_out, quote.price_impact_bps, quote.fee_bps)
    if any(type(number) is not int for number in numbers):
        return "the quote's numbers are not integers"
    if (quote.input_mint, quote.output_mint) != (request.input_mint, request.output_mint):
        return "the quote is for another pair"
    if quote.amount_in != request.amount_in:
        return "the quote is for another amount"
    if not 0 < quote.amount_out <= U64_MAX:
        return "the quote's output is not an amount from 1 to 2**64 - 1"
    if not (0 <= quote.price_impact_bps <= _I64_MAX and 0 <= quote.fee_bps <= _I64_MAX):
        return "the quote's price impact or fee is out of range"
    if not _is_bytes(quote.payload, PAYLOAD_MAX_BYTES):
        return f"the quote's payload is not at most {PAYLOAD_MAX_BYTES} bytes"
    return None


def check_leg(quote: Quote, min_out: int, leg: Leg) -> None:
    """Hold a leg against the quote that was chosen and the bound that it must keep.

    Raises:
        ExecutionError: it is another trade.
    """
    if type(leg) is not Leg or type(leg.amount_in) is not int or type(leg.min_out) is not int:
        raise ExecutionError("the venue built something that is no leg")
    chosen = (quote.venue, quote.input_mint, quote.output_mint, quote.amount_in, min_out)
    if (leg.venue, leg.input_mint, leg.output_mint, leg.amount_in, leg.min_out) != chosen:
        raise ExecutionError("the venue built another trade than the one that was chosen")
    if not _is_bytes(leg.payload, PAYLOAD_MAX_BYTES):
        raise ExecutionError(f"the leg's payload is not at most {PAYLOAD_MAX_BYTES} bytes")


def check_signed(signed: SignedSwap) -> None:
    """See that a signed swap can be stored, sent and proven dead.

    Raises:
        ExecutionError: it cannot.
    """
    if (
        type(signed) is not SignedSwap
        or not _is_text(signed.signature)
        or not _is_text(signed.blockhash)
        or not _is_bytes(signed.transaction, TRANSACTION_MAX_BYTES)
        or not signed.transaction
        or not _is_count(signed.last_valid_block_height)
    ):
        raise ExecutionError("the network signed something that is no swap")


def check_seen(height: Height, status: SwapStatus) -> None:
    """See that what the network says of itself and of a signature makes sense.

    Raises:
        NetworkUnavailable: it does not, so it says nothing.
    """
    if type(height) is not Height or not _is_count(height.block_height) or not _is_count(height.slot):
        raise NetworkUnavailable("the network's height is not one")
    if height.block_height > height.slot:
        raise NetworkUnavailable("the network's height is above its slot, which can't be")
    if type(status) is not SwapStatus or type(status.outcome) is not SwapOutcome or not _is_count(status.slot):
        raise NetworkUnavailable("the network's status is not one")
    if type(status.reason) is not str:
        raise NetworkUnavailable("the status' reason is not a text")


def is_fill(fill: object) -> bool:
    """Say whether something is a fill of two amounts."""
    if type(fill) is not Fill:
        return False
    amounts = (fill.amount_in, fill.amount_out)
    return all(type(amount) is int and 0 <= amount <= U64_MAX for amount in amounts)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= _I64_MAX


def _is_text(value: object) -> bool:
    return type(value) is str and 0 < len(value) <= TEXT_MAX_CHARS and value.isprintable()


def _is_bytes(value: object, most: int) -> bool:
    return type(value) is bytes and len(value) <= most
