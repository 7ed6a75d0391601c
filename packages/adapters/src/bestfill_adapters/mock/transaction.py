"""The mock chain's transactions: JSON of one form alone, whose SHA-512 is their signature."""

import hashlib
from functools import lru_cache
from typing import Final

import msgspec

from bestfill.errors import ExecutionError
from bestfill.quote import Leg, SwapPlan
from bestfill.units import U64_MAX, BaseUnits, Signature, base58_encode

_LONGEST: Final = 65_536
_DIGITS: Final = len(str(U64_MAX))


class _Transaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    plan: SwapPlan
    blockhash: str


_decoder: Final = msgspec.json.Decoder(_Transaction)
_encoder: Final = msgspec.json.Encoder(order="sorted")


def payload(amount_out: BaseUnits) -> bytes:
    """Give a leg's payload, by which the mock chain knows what its venue pays: the amount in decimal digits."""
    return str(amount_out).encode()


def pays(plan: SwapPlan) -> BaseUnits:
    """Give what a plan's venues pay in all, in base units.

    Raises:
        ExecutionError: a leg's payload does not say so.
    """
    return BaseUnits(sum(_paid(leg) for leg in plan.route))


def keeps_its_bounds(plan: SwapPlan) -> bool:
    """Say whether the venues pay what the plan, and each of its legs, is bound to."""
    return pays(plan) >= plan.min_out and all(_paid(leg) >= leg.min_out for leg in plan.route)


def encode(plan: SwapPlan, blockhash: str) -> bytes:
    """Write a transaction; the same one always gives the same bytes.

    Raises:
        ExecutionError: the plan is not one trade that its legs make up, or has too many legs.
    """
    _check(plan)
    transaction = _encoder.encode(_Transaction(plan, blockhash))
    if len(transaction) > _LONGEST:
        raise ExecutionError("the transaction is too long")
    return transaction


def decode(transaction: bytes) -> tuple[SwapPlan, str]:
    """Read a transaction's plan and blockhash.

    Raises:
        ExecutionError: the bytes are not a transaction that `encode` gives.
    """
    if len(transaction) > _LONGEST:
        raise ExecutionError("the transaction is too long")
    try:
        read = _decoder.decode(transaction)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ExecutionError("the bytes are not a transaction") from error
    if _encoder.encode(read) != transaction:
        raise ExecutionError("the bytes are not a transaction's only form")
    _check(read.plan)
    return read.plan, read.blockhash


@lru_cache(maxsize=1_024)  # asked for when the bytes are signed, and again at each send
def signature(transaction: bytes) -> Signature:
    """Give the signature that belongs to these bytes."""
    return Signature(base58_encode(hashlib.sha512(transaction).digest()))


def _check(plan: SwapPlan) -> None:
    if not plan.route or plan.input_mint == plan.output_mint:
        raise ExecutionError("the plan trades nothing")
    if not (0 < plan.amount_in <= U64_MAX and 0 < plan.min_out <= U64_MAX):
        raise ExecutionError("an amount of the plan is not 1 to 2**64 - 1 base units")
    taken = paid = 0
    for leg in plan.route:
        if leg.input_mint != plan.input_mint or leg.output_mint != plan.output_mint:
            raise ExecutionError("a leg is for another pair than its plan")
        if not (0 < leg.amount_in <= U64_MAX and 0 < leg.min_out <= U64_MAX):
            raise ExecutionError("an amount of the plan is not 1 to 2**64 - 1 base units")
        taken += leg.amount_in
        paid += _paid(leg)
    if taken != plan.amount_in:
        raise ExecutionError("the legs do not take exactly the plan's amount")
    if paid > U64_MAX:
        raise ExecutionError("the legs pay more than 2**64 - 1 base units")


def _paid(leg: Leg) -> int:
    digits = leg.payload
    if not (digits.isdigit() and len(digits) <= _DIGITS):  # of bytes, so ASCII digits alone
        raise ExecutionError(
            f"the mock network can't trade at {leg.venue}: its leg's payload must be the output in decimal digits"
        )
    return int(digits)
