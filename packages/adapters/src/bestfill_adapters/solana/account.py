"""Accounts of the chain, and the numbers that are read from their bytes. Offsets count from the first byte."""

import hashlib
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from bestfill.errors import VenueUnavailable
from bestfill.units import base58_encode

SPL_TOKEN: Final = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"  # noqa: S105 - a program
TOKEN_ACCOUNT_BYTES: Final = 165
CLOCK: Final = "SysvarC1ock11111111111111111111111111111111"


class Refused(VenueUnavailable):
    """A pool is not quoted: `name` says which rule forbids it, for machines; the reason is for people."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


@frozen
class Account:
    """An account as read: the program that owns it (base58), its bytes, its lamports."""

    owner: str
    data: bytes = field(repr=False)
    lamports: int = 0

    def unsigned(self, offset: int, size: int) -> int:
        """Read a little-endian unsigned integer of `size` bytes.

        Raises:
            Refused: the account is too short (`short_account`).
        """
        return int.from_bytes(self._bytes(offset, size), "little")

    def signed(self, offset: int, size: int) -> int:
        """Read a little-endian signed integer of `size` bytes; raises likewise."""
        return int.from_bytes(self._bytes(offset, size), "little", signed=True)

    def address(self, offset: int) -> str:
        """Read a public key as base58; raises likewise."""
        return base58_encode(self._bytes(offset, 32))

    def _bytes(self, offset: int, size: int) -> bytes:
        found = self.data[offset : offset + size]
        if len(found) != size:
            raise Refused("short_account", f"an account has {len(self.data)} bytes, too few to be what it should be")
        return found


@frozen(kw_only=True)
class Snapshot:
    """Accounts by address, all as of one slot; None does not exist. `now` is the chain's time in unix seconds."""

    slot: int
    now: int
    accounts: Mapping[str, Account | None]

    def get(self, address: str) -> Account:
        """Give an account.

        Raises:
            Refused: it was not read, or does not exist (`missing_account`).
        """
        account = self.accounts.get(address)
        if account is None:
            raise Refused("missing_account", f"the account {address} does not exist")
        return account


def discriminator(name: str) -> bytes:
    """Give the first eight bytes of an account of an Anchor program, such as `PoolState`."""
    return hashlib.sha256(f"account:{name}".encode()).digest()[:8]


def checked(account: Account, owner: str, size: int, begins: bytes = b"") -> Account:
    """Give the account back, if a program owns it, it has at least `size` bytes and begins as it must.

    Raises:
        Refused: `wrong_owner`, `short_account` or `wrong_kind`.
    """
    if account.owner != owner:
        raise Refused("wrong_owner", "an account belongs to another program than it should")
    if len(account.data) < size:
        raise Refused("short_account", f"an account has {len(account.data)} bytes instead of {size}")
    if not account.data.startswith(begins):
        raise Refused("wrong_kind", "an account holds something else than it should")
    return account


def token_amount(account: Account, mint: str) -> int:
    """Give the balance of a token account of the SPL Token program.

    Raises:
        Refused: it is none, or of another mint (`wrong_mint`).
    """
    checked(account, SPL_TOKEN, TOKEN_ACCOUNT_BYTES)
    if account.address(0) != mint:
        raise Refused("wrong_mint", "a token account is of another mint than it should be")
    return account.unsigned(64, 8)
