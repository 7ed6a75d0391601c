"""The mock chain's time: slots, heights and blockhashes follow from the clock, so that every process agrees."""

import hashlib
from functools import lru_cache
from typing import Final

from bestfill.errors import ExecutionError, ValidationError
from bestfill.units import Millis, base58_decode, base58_encode

SLOT_MS: Final = 400
WINDOW: Final = 150
"""For how many blocks after its own a blockhash stays valid."""

_GENESIS: Final = Millis(1_584_316_800_000)
_SKIPPED_SLOTS: Final = 1_000
_HEIGHT_BYTES: Final = 8
_HASH_BYTES: Final = 32


def slot_at(moment: Millis) -> int:
    """Give the slot of a moment."""
    return (moment - _GENESIS) // SLOT_MS


def height_at(moment: Millis) -> int:
    """Give the block height of a moment: behind the slot, as on a chain some of whose slots had no block."""
    return slot_at(moment) - _SKIPPED_SLOTS


def last_slot(height: int) -> int:
    """Give the last slot of which the block height is not above this one."""
    return height + _SKIPPED_SLOTS


@lru_cache(maxsize=512)
def blockhash(height: int) -> str:
    """Give a block's hash, which ends in its height, so that the height can be read from it."""
    tail = height.to_bytes(_HEIGHT_BYTES, "big", signed=True)
    digest = hashlib.sha256(b"bestfill mock block" + tail).digest()
    return base58_encode(digest[: _HASH_BYTES - _HEIGHT_BYTES] + tail)


@lru_cache(maxsize=512)
def height_of(claimed: str) -> int:
    """Give the height of the block with this hash.

    Raises:
        ExecutionError: no block of this chain has it.
    """
    try:
        tail = base58_decode(claimed[:64])[-_HEIGHT_BYTES:]
    except ValidationError as error:
        raise ExecutionError(f"the blockhash {error.reason}") from error
    height = int.from_bytes(tail, "big", signed=True)
    if blockhash(height) != claimed:
        raise ExecutionError("the blockhash is of no block of this chain")
    return height
