"""The bytes of the SPL Token program's accounts."""

from typing import Final

from solders.pubkey import Pubkey

from bestfill.units import Mint

RENT_OF_TOKEN_ACCOUNT: Final = 2_039_280
_NONE: Final = bytes(4)
_SOME: Final = (1).to_bytes(4, "little")


def mint_account(decimals: int, authority: bytes | None = None, supply: int = 2**63) -> bytes:
    """Give the 82 bytes of a mint; `authority` may make more."""
    made = _SOME + authority if authority else _NONE + bytes(32)
    return made + supply.to_bytes(8, "little") + bytes([decimals, 1]) + _NONE + bytes(32)


def token_account_data(mint: Mint, owner: str, amount: int, *, native: bool = False) -> bytes:
    """Give the 165 bytes of a token account; a native one holds as many lamports above its rent."""
    head = bytes(Pubkey.from_string(mint)) + bytes(Pubkey.from_string(owner)) + amount.to_bytes(8, "little")
    reserve = _SOME + RENT_OF_TOKEN_ACCOUNT.to_bytes(8, "little") if native else _NONE + bytes(8)
    return head + _NONE + bytes(32) + b"\x01" + reserve + bytes(8) + _NONE + bytes(32)
