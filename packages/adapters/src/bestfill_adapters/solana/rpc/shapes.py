"""The shapes of what nodes answer: only the fields that are read, of exact types and in range.

A field without a default must be there; an outcome that is left out is not taken for success.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw

Slot = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Slots = Annotated[list[Slot], Meta(max_length=500_001)]
Small = Annotated[int, Meta(ge=0, le=255)]
Unsigned = Annotated[int, Meta(ge=0)]
Text = Annotated[str, Meta(max_length=128)]
Data = tuple[bytes, Literal["base64"]]


class Context(msgspec.Struct):
    """What an answer is as of."""

    slot: Slot


class Account(msgspec.Struct):
    """An account."""

    owner: Text
    data: Data
    lamports: Unsigned


class Accounts(msgspec.Struct):
    """`getMultipleAccounts`."""

    context: Context
    value: list[Account | None]


class Hash(msgspec.Struct, rename="camel"):
    """A blockhash."""

    blockhash: Text
    last_valid_block_height: Slot


class LatestHash(msgspec.Struct):
    """`getLatestBlockhash`."""

    context: Context
    value: Hash


class Simulated(msgspec.Struct, rename="camel"):
    """What a transaction did."""

    err: Raw
    logs: list[str] | None = None
    units_consumed: Slot | None = None


class Simulation(msgspec.Struct):
    """`simulateTransaction`."""

    context: Context
    value: Simulated


class Status(msgspec.Struct, rename="camel"):
    """What is known of a signature."""

    slot: Slot
    err: Raw
    confirmation_status: str | None = None


class Statuses(msgspec.Struct):
    """`getSignatureStatuses`."""

    context: Context
    value: list[Status | None]


class EpochInfo(msgspec.Struct, rename="camel"):
    """`getEpochInfo`."""

    absolute_slot: Slot
    block_height: Slot


class Amount(msgspec.Struct):
    """An amount of a token."""

    amount: Text


class TokenBalance(msgspec.Struct, rename="camel"):
    """What an account holds of a token."""

    account_index: Small
    mint: Text
    owner: Text
    ui_token_amount: Amount


class Moved(msgspec.Struct, rename="camel"):
    """What a transaction moved."""

    err: Raw
    fee: Slot
    pre_balances: Annotated[list[Unsigned], Meta(max_length=256)]
    post_balances: Annotated[list[Unsigned], Meta(max_length=256)]
    pre_token_balances: Annotated[list[TokenBalance], Meta(max_length=256)]
    post_token_balances: Annotated[list[TokenBalance], Meta(max_length=256)]


class Transaction(msgspec.Struct):
    """`getTransaction`."""

    slot: Slot
    transaction: Data
    meta: Moved


class Fee(msgspec.Struct, rename="camel"):
    """One block of `getRecentPrioritizationFees`."""

    prioritization_fee: Unsigned


class Block(msgspec.Struct, rename="camel"):
    """`getBlock`."""

    block_height: Slot
