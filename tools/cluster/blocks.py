"""Slots and blocks: some slots have no block, so that heights fall behind slots."""

import hashlib
from typing import Final

from attrs import field, frozen

from tools.cluster.rules import FIRST_HEIGHT, FIRST_SLOT


@frozen
class Block:
    """What a slot holds: the 32 bytes of its blockhash, its time, what others paid a compute unit in it."""

    slot: int
    height: int
    blockhash: bytes = field(repr=False)
    unix_s: int
    fee: int = 0


class Blocks:
    """The chain's blocks on the fork that holds now, from the first on."""

    def __init__(self, seed: str, unix_s: int) -> None:
        self._seed: Final = seed
        self._made = 0
        self._blocks: list[Block] = []
        self._heights: list[int] = []  # by slot: that of the last block up to it
        self._by_hash: dict[bytes, int] = {}
        self._heights.append(FIRST_HEIGHT - 1)
        self.make(unix_s)

    @property
    def slot(self) -> int:
        """The last slot, with or without a block."""
        return FIRST_SLOT + len(self._heights) - 1

    def begin(self) -> int:
        """Begin the next slot, and give it."""
        self._heights.append(self._heights[-1])
        return self.slot

    def make(self, unix_s: int, fee: int = 0) -> Block:
        """Make the last slot's block."""
        self._made += 1
        height = self._heights[-1] = self._heights[-1] + 1
        # Of all blocks ever made, so that a block in a dropped one's place has another hash.
        blockhash = hashlib.sha256(f"{self._seed} block {self._made}".encode()).digest()
        block = Block(self.slot, height, blockhash, unix_s, fee)
        self._blocks.append(block)
        self._by_hash[blockhash] = height
        return block

    def drop(self, last: int) -> None:
        """Take back all blocks after a slot; their slots are without one from now on."""
        while self._blocks[-1].slot > last:
            del self._by_hash[self._blocks.pop().blockhash]
        kept = last - FIRST_SLOT + 1
        self._heights[kept:] = [self._heights[kept - 1]] * (len(self._heights) - kept)

    def upto(self, slot: int) -> Block:
        """Give the last block up to a slot; the first, if there is none."""
        place = max(0, min(slot, self.slot) - FIRST_SLOT)
        return self._blocks[self._heights[place] - FIRST_HEIGHT]

    def since(self, slot: int) -> Block:
        """Give the first block from a slot on; the last, if there is none."""
        block = self.upto(slot)
        if block.slot < slot and block.height < self._heights[-1]:
            return self._blocks[block.height + 1 - FIRST_HEIGHT]
        return block

    @property
    def first(self) -> Block:
        """The first of all blocks."""
        return self._blocks[0]

    def at(self, slot: int) -> Block | None:
        """Give the block of a slot, if it has one."""
        block = self.upto(slot)
        return block if block.slot == slot else None

    def before(self, block: Block) -> Block:
        """Give the block before; the first has itself."""
        return self._blocks[max(0, block.height - 1 - FIRST_HEIGHT)]

    def between(self, first: int, last: int) -> list[Block]:
        """Give the blocks of the slots from first to last."""
        if last < max(first, self._blocks[0].slot):
            return []
        begin, end = self.upto(first), self.upto(last)
        start = begin.height - FIRST_HEIGHT + (begin.slot < first)
        return self._blocks[start : end.height - FIRST_HEIGHT + 1]

    def last(self, count: int, block: Block) -> list[Block]:
        """Give the last blocks up to one, oldest first."""
        end = block.height + 1 - FIRST_HEIGHT
        return self._blocks[max(0, end - count) : end]

    def height_of(self, blockhash: bytes) -> int | None:
        """Give the height of the block with this hash, if this fork has it."""
        return self._by_hash.get(blockhash)
