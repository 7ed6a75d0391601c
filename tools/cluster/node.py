"""What one node sees of the chain: a lagging one an older slot, one with little room only the last blocks."""

from random import Random
from typing import Final

from tools.cluster.blocks import Block
from tools.cluster.chain import Chain
from tools.cluster.landed import Landed
from tools.cluster.rules import FIRST_SLOT, REMEMBERED

COMMITMENTS: Final = ("processed", "confirmed", "finalized")

_SPELL: Final = 25
"""For so many slots a node lags alike."""


class Node:
    """One node: what it has seen once, it goes on seeing, unless a fork drops it."""

    def __init__(self, chain: Chain, number: int = 0) -> None:
        self.chain, self.number = chain, number
        self.lag: int | None = None
        """In slots, at most 512; None: as the chain's rules and seed have it."""
        self.forgotten = FIRST_SLOT
        """It knows no block before this slot."""
        self._seen = FIRST_SLOT
        self._spell, self._drawn = -1, 0

    def slot(self) -> int:
        """Give the last slot that it has seen, as of now."""
        self.chain.advance()
        self._seen = max(self._seen, self.chain.slot - self._lag())
        return self._seen

    def block(self, commitment: str) -> Block:
        """Give the last block that it holds for processed, confirmed or finalized."""
        slot, rules = self.slot(), self.chain.rules
        age = {"processed": 0, "confirmed": rules.confirmed, "finalized": rules.finalized}[commitment]
        return self.chain.blocks.upto(slot - age)

    def first(self) -> Block:
        """Give the first block that it still knows."""
        history = self.chain.rules.history
        if history is not None:
            self.forgotten = max(self.forgotten, self.slot() - history)
        return self.chain.blocks.since(self.forgotten)

    def find(self, signature: str, upto: Block) -> Landed | None:
        """Give a transaction that is in a block up to one, and not forgotten."""
        found = self.chain.landed.get(signature)
        return found if found is not None and self.first().slot <= found.slot <= upto.slot else None

    def _lag(self) -> int:
        if self.lag is not None:
            return min(self.lag, REMEMBERED // 2)
        most = self.chain.rules.lag
        if not most:
            return 0
        spell = self.chain.slot // _SPELL
        if spell != self._spell:
            self._spell = spell
            self._drawn = Random(f"{self.chain.seed} node {self.number} {spell}").randint(0, most)
        return min(self._drawn, most)
