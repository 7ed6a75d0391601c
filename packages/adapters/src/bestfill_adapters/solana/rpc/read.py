"""Reads what nodes answer: exact types, ranges and lengths, and only the fields that are needed."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, TypeVar

import msgspec
from msgspec import Raw

from bestfill.errors import ValidationError
from bestfill.quote import Height
from bestfill.units import U64_MAX, base58_decode
from bestfill_adapters.solana.account import Account
from bestfill_adapters.solana.rpc import shapes
from bestfill_adapters.solana.rpc.answers import (
    Accounts,
    Blockhash,
    Executed,
    SignatureStatus,
    Simulation,
    TokenBalance,
)
from bestfill_adapters.solana.rpc.fault import Fault, nonsense

WINDOW: Final = 150
"""For how many blocks after its own a blockhash is valid."""

T = TypeVar("T")

_ERROR_MAX_BYTES: Final = 1_000
_CUSTOM_MAX: Final = 2**32 - 1
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,19}")
_PLACE: Final = re.compile(r".* - at `(\$[\w.\[\]]{0,80})`", re.DOTALL)
_DECODERS: Final[dict[object, Callable[[Raw], object]]] = {}


def _read(kind: type[T], method: str, result: Raw) -> T:
    decode = _DECODERS.get(kind)
    if decode is None:
        decode = _DECODERS[kind] = msgspec.json.Decoder(kind).decode
    try:
        return decode(result)  # pyright: ignore[reportReturnType]
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        # Only where: what else the message says may be from the answer.
        place = _PLACE.fullmatch(str(error)) if isinstance(error, msgspec.ValidationError) else None
    raise nonsense(method, f" at {place[1]}" if place else "")


def accounts(result: Raw, addresses: Sequence[str], min_slot: int) -> Accounts:
    """Read accounts in the order in which they were asked for."""
    method = "getMultipleAccounts"
    read = _read(shapes.Accounts, method, result)
    slot = not_before(read.context.slot, min_slot)
    if len(read.value) != len(addresses):
        raise nonsense(method, ": not as many accounts as were asked for")
    found = [None if account is None else _account(method, account) for account in read.value]
    return Accounts(slot=slot, accounts=dict(zip(addresses, found, strict=True)))


def _account(method: str, read: shapes.Account) -> Account:
    return Account(_bytes58(method, read.owner, 32), read.data[0], _u64(method, read.lamports))


def blockhash(result: Raw, min_slot: int, finalized: int) -> Blockhash:
    """Read a recent blockhash.

    Args:
        finalized: a block height that is known to be final. A newest block that is older comes from a node that is
            behind, or would have the swap taken for dead while it can still land.

    Raises:
        Fault: the answer is not of the expected form, or is from before `min_slot` or `finalized`.
    """
    method = "getLatestBlockhash"
    read = _read(shapes.LatestHash, method, result)
    slot, last = not_before(read.context.slot, min_slot), read.value.last_valid_block_height
    if last > slot + WINDOW:
        raise nonsense(method, ": a block height above its slot")
    if last < finalized + WINDOW:
        raise Fault("is behind: its newest block is older than one that is final", ails=False)
    return Blockhash(blockhash=_bytes58(method, read.value.blockhash, 32), last_valid_block_height=last, slot=slot)


def simulation(result: Raw, min_slot: int) -> Simulation:
    """Read what a simulated transaction did."""
    method = "simulateTransaction"
    read = _read(shapes.Simulation, method, result)
    not_before(read.context.slot, min_slot)
    error, units = _error(method, read.value.err), read.value.units_consumed
    if error is None and units is None:
        raise nonsense(method, ": no compute units")
    return Simulation(
        error=error,
        custom_code=_custom_code(error) if error else None,
        units=units or 0,
        logs=tuple(read.value.logs or ()),
    )


def statuses(result: Raw, signatures: Sequence[str]) -> tuple[int, dict[str, SignatureStatus | None]]:
    """Read the slot, and what is known of each signature as of it."""
    method = "getSignatureStatuses"
    read = _read(shapes.Statuses, method, result)
    if len(read.value) != len(signatures):
        raise nonsense(method, ": not as many statuses as were asked for")
    found = [None if status is None else _status(method, status) for status in read.value]
    if any(status is not None and status.slot > read.context.slot for status in found):
        raise nonsense(method, ": a status of a slot that it has not seen")
    return read.context.slot, dict(zip(signatures, found, strict=True))


def _status(method: str, read: shapes.Status) -> SignatureStatus:
    # Any other word, or none, is less than final.
    final = read.confirmation_status == "finalized"
    return SignatureStatus(slot=read.slot, finalized=final, error=_error(method, read.err))


def height(result: Raw) -> Height:
    """Read the block height and slot of the newest block that is final."""
    method = "getEpochInfo"
    read = _read(shapes.EpochInfo, method, result)
    if read.block_height > read.absolute_slot:
        raise nonsense(method, ": a block height above its slot")
    return Height(read.block_height, read.absolute_slot)


def executed(result: Raw, signature: str) -> Executed | None:
    """Read a transaction and what it moved; None if it is not known."""
    method = "getTransaction"
    read = _read(shapes.Transaction | None, method, result)  # pyright: ignore[reportArgumentType]
    if read is None:
        return None
    meta, transaction = read.meta, read.transaction[0]
    # A first byte below 128 is the whole count of the signatures, which follow; the first of them names it.
    if not 1 <= next(iter(transaction), 0) < 128 or transaction[1:65] != base58_decode(signature):
        raise nonsense(method, ": another transaction than was asked for")
    if len(meta.pre_balances) != len(meta.post_balances):
        raise nonsense(method, ": not as many balances after it as before it")
    return Executed(
        slot=read.slot,
        transaction=transaction,
        error=_error(method, meta.err),
        fee=meta.fee,
        before=tuple(_u64(method, amount) for amount in meta.pre_balances),
        after=tuple(_u64(method, amount) for amount in meta.post_balances),
        tokens_before=_token_balances(method, meta.pre_token_balances, len(meta.pre_balances)),
        tokens_after=_token_balances(method, meta.post_token_balances, len(meta.pre_balances)),
    )


def _token_balances(method: str, read: list[shapes.TokenBalance], accounts: int) -> tuple[TokenBalance, ...]:
    if any(balance.account_index >= accounts for balance in read):
        raise nonsense(method, ": a token balance of none of its accounts")
    return tuple(
        TokenBalance(
            account_index=balance.account_index,
            mint=_bytes58(method, balance.mint, 32),
            owner=_bytes58(method, balance.owner, 32),
            amount=_amount(method, balance.ui_token_amount.amount),
        )
        for balance in read
    )


def fees(result: Raw) -> tuple[int, ...]:
    """Read recent priority fees, in millionths of a lamport a compute unit."""
    method = "getRecentPrioritizationFees"
    return tuple(_u64(method, fee.prioritization_fee) for fee in _read(list[shapes.Fee], method, result))


def slot(method: str, result: Raw) -> int:
    """Read a slot."""
    return _read(shapes.Slot, method, result)  # pyright: ignore[reportArgumentType]


def slots(result: Raw, first: int, last: int) -> tuple[int, ...]:
    """Read the slots that have a block, each after the one before, from the first to the last that was asked for."""
    found: list[int] = _read(shapes.Slots, "getBlocks", result)  # pyright: ignore[reportArgumentType, reportAssignmentType]
    if any(one >= other for one, other in pairwise(found)) or (found and not first <= found[0] <= found[-1] <= last):
        raise nonsense("getBlocks", ": slots that were not asked for")
    return tuple(found)


def block_height(result: Raw) -> int:
    """Read the height of a block."""
    return _read(shapes.Block, "getBlock", result).block_height


def text58(method: str, size: int, result: Raw) -> str:
    """Read base58 of so many bytes."""
    return _bytes58(method, _read(shapes.Text, method, result), size)  # pyright: ignore[reportArgumentType]


def bytes58(method: str, size: int, result: Raw) -> bytes:
    """Read so many bytes that are written as base58."""
    return base58_decode(text58(method, size, result))


def not_before(slot: int, min_slot: int) -> int:
    """Give the slot, if it is not before another.

    Raises:
        Fault: it is; the node itself is not to blame.
    """
    if slot < min_slot:
        raise Fault(f"is behind: it answered as of slot {slot}, which is before {min_slot}", ails=False)
    return slot


def _error(method: str, read: Raw) -> str | None:
    """Give an error of the chain as compact JSON; None if there is none."""
    try:
        text = msgspec.json.format(read, indent=-1).decode()
    except (msgspec.MsgspecError, ValueError, RecursionError):
        text = ""
    if not 0 < len(text) <= _ERROR_MAX_BYTES:
        raise nonsense(method, ": an error that is none of the chain")
    return None if text == "null" else text


def _custom_code(error: str) -> int | None:
    match msgspec.json.decode(error):
        case {"InstructionError": [int(), {"Custom": int(code)}]} if 0 <= code <= _CUSTOM_MAX and type(code) is int:
            return code
    return None


def _u64(method: str, number: int) -> int:
    if number > U64_MAX:
        raise nonsense(method, ": a number above 2⁶⁴ − 1")
    return number


def _amount(method: str, text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise nonsense(method, ": an amount that is no number")
    return _u64(method, int(text))


def _bytes58(method: str, text: str, size: int) -> str:
    if not _is_base58(text, size):
        raise nonsense(method, f": text that is not base58 of {size} bytes")
    return text


@lru_cache(maxsize=4_096)  # programs and mints that come again and again
def _is_base58(text: str, size: int) -> bool:
    try:
        return len(text) <= 2 * size and len(base58_decode(text)) == size
    except ValidationError:
        return False
