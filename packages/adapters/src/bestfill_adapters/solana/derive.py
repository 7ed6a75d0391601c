"""Addresses that follow from others: program-derived addresses and associated token accounts."""

from functools import lru_cache
from typing import Final

from solders.pubkey import Pubkey

from bestfill_adapters.solana.account import SPL_TOKEN

ATA_PROGRAM: Final = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"


@lru_cache(maxsize=65_536)
def program_address(program: str, *seeds: bytes) -> str:
    """Give the address that a program derives from these seeds."""
    return str(Pubkey.find_program_address(list(seeds), Pubkey.from_string(program))[0])


def seed(address: str) -> bytes:
    """Give an address as a seed: its 32 bytes."""
    return bytes(Pubkey.from_string(address))


def token_account(wallet: str, mint: str) -> str:
    """Give a wallet's associated account of a mint of the SPL Token program."""
    return program_address(ATA_PROGRAM, seed(wallet), seed(SPL_TOKEN), seed(mint))
