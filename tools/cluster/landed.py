"""What a transaction in a block did."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen
from solders.account import Account
from solders.message import Message, MessageV0, MessageV1
from solders.pubkey import Pubkey
from solders.transaction_metadata import FailedTransactionMetadata, SimulatedTransactionInfo, TransactionMetadata

from bestfill.units import base58_encode

TOKEN_PROGRAMS: Final = frozenset(
    map(
        Pubkey.from_string,
        ("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"),
    )
)
MEMO_PROGRAMS: Final = frozenset(
    map(
        Pubkey.from_string,
        ("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo", "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"),
    )
)
TOKEN_ACCOUNT_BYTES: Final = 165

AnyMessage = Message | MessageV0 | MessageV1
"""As the parser gives them; those of version 1 are never let in."""
Result = TransactionMetadata | FailedTransactionMetadata | SimulatedTransactionInfo


@frozen
class Held:
    """What a token account, the transaction's `place`-th, held of a mint, and for whom."""

    place: int
    mint: Pubkey
    owner: Pubkey
    program: Pubkey
    amount: int


@frozen(kw_only=True)
class Landed:
    """A transaction in a block: `error` is the chain's error as JSON has it, None if it succeeded.

    Balances are in lamports, by the place of the account in `keys`.
    """

    signature: str
    slot: int
    height: int
    unix_s: int
    transaction: bytes = field(repr=False)
    keys: tuple[Pubkey, ...] = field(repr=False)
    loaded: tuple[int, int] = (0, 0)
    """How many of the last keys, writable and not, come from lookup tables."""
    error: Any
    fee: int
    units: int
    logs: tuple[str, ...] = field(repr=False)
    inner: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    before: tuple[int, ...] = field(repr=False)
    after: tuple[int, ...] = field(repr=False)
    held_before: tuple[Held, ...] = field(repr=False)
    held_after: tuple[Held, ...] = field(repr=False)
    memo: str | None = None

    def lamports(self) -> dict[str, int]:
        """Give by how many lamports the balance of each address changed; those that did not are left out."""
        changes = zip(self.keys, self.before, self.after, strict=True)
        return {str(key): after - before for key, before, after in changes if after != before}

    def tokens(self) -> dict[tuple[str, str], int]:
        """Give by how much the balance of each (owner, mint) changed, likewise."""
        changes: dict[tuple[str, str], int] = {}
        for sign, all_held in ((-1, self.held_before), (1, self.held_after)):
            for held in all_held:
                whose = str(held.owner), str(held.mint)
                changes[whose] = changes.get(whose, 0) + sign * held.amount
        return {whose: change for whose, change in changes.items() if change}


def error_of(result: Result) -> Any:
    """Give the chain's error as nodes write it, or None."""
    return json.loads(result.to_json())["err"] if isinstance(result, FailedTransactionMetadata) else None


def metadata(result: Result) -> TransactionMetadata:
    """Give what was recorded of a run, whether it failed or not."""
    return result if isinstance(result, TransactionMetadata) else result.meta()


def inner_of(meta: TransactionMetadata) -> tuple[dict[str, Any], ...]:
    """Give the instructions that instructions ran, as nodes write them."""
    return tuple(
        {
            "index": index,
            "instructions": [
                {
                    "programIdIndex": one.instruction().program_id_index,
                    "accounts": list(one.instruction().accounts),
                    "data": base58_encode(bytes(one.instruction().data)),
                    "stackHeight": one.stack_height(),
                }
                for one in ran
            ],
        }
        for index, ran in enumerate(meta.inner_instructions())
        if ran
    )


def held(keys: Sequence[Pubkey], accounts: Mapping[Pubkey, Account | None]) -> tuple[Held, ...]:
    """Give what those of the accounts hold that are token accounts."""
    found: list[Held] = []
    for place, key in enumerate(keys):
        account = accounts.get(key)
        if account is None or account.owner not in TOKEN_PROGRAMS:
            continue
        data = account.data
        # Mints of Token-2022 may be longer, but have a 1 where accounts have a 2.
        if len(data) == TOKEN_ACCOUNT_BYTES or (len(data) > TOKEN_ACCOUNT_BYTES and data[TOKEN_ACCOUNT_BYTES] == 2):
            mint, owner, amount = Pubkey(data[:32]), Pubkey(data[32:64]), int.from_bytes(data[64:72], "little")
            found.append(Held(place, mint, owner, account.owner, amount))
    return tuple(found)


def memo_of(message: AnyMessage) -> str | None:
    """Give the first memo of a transaction."""
    keys = message.account_keys
    for instruction in message.instructions:
        if instruction.program_id_index < len(keys) and keys[instruction.program_id_index] in MEMO_PROGRAMS:
            return bytes(instruction.data).decode(errors="replace")
    return None
