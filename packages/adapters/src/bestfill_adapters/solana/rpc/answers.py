"""What nodes answer, checked in type and range before anything is believed."""

from attrs import field, frozen

from bestfill.quote import Height
from bestfill_adapters.solana.account import Account


@frozen(kw_only=True)
class Accounts:
    """Accounts by address, all as of one slot; None does not exist."""

    slot: int
    accounts: dict[str, Account | None]


@frozen(kw_only=True)
class Blockhash:
    """A recent blockhash, the last block height at which it is valid, and the slot that it was read at."""

    blockhash: str
    last_valid_block_height: int
    slot: int


@frozen(kw_only=True)
class Simulation:
    """What a simulated transaction did: `error` is the chain's error as compact JSON, None if it succeeded.

    `custom_code` is the program's own error number, if that is what the error is.
    """

    error: str | None
    custom_code: int | None
    units: int
    logs: tuple[str, ...] = field(repr=False)


@frozen(kw_only=True)
class SignatureStatus:
    """What a node knows of a signature; `error` is the chain's error as compact JSON, None if it succeeded."""

    slot: int
    finalized: bool
    error: str | None


@frozen(kw_only=True)
class Statuses:
    """The statuses of the signatures that were asked for, in their order, as of a slot; None is not known.

    `endpoint` says who answered: how far back one's history goes tells nothing of another's.
    """

    slot: int
    statuses: tuple[SignatureStatus | None, ...]
    endpoint: int = 0


@frozen(kw_only=True)
class Blocks:
    """The blocks from a height to a finalized one."""

    first_height: int
    last: Height


@frozen(kw_only=True)
class Search:
    """What became known of one signature, as of a slot; None is not known.

    `complete`: if it had landed, it would be known, since the history that was searched goes back far enough.
    """

    slot: int
    status: SignatureStatus | None
    complete: bool


@frozen(kw_only=True)
class TokenBalance:
    """What one of a transaction's accounts (by its place) held of a mint, and for whom."""

    account_index: int
    mint: str
    owner: str
    amount: int


@frozen(kw_only=True)
class Executed:
    """A transaction on the chain, and what it moved; balances in lamports, by the place of the account."""

    slot: int
    transaction: bytes = field(repr=False)
    error: str | None
    fee: int
    before: tuple[int, ...]
    after: tuple[int, ...]
    tokens_before: tuple[TokenBalance, ...]
    tokens_after: tuple[TokenBalance, ...]
