"""Block heights held against each other: by a wrong one, a swap would be taken for dead that can still land."""

from bestfill.errors import NetworkUnavailable
from bestfill.quote import Height


class Heights:
    """The finalized heights that a process heard; from nodes that lag, in any order."""

    def __init__(self) -> None:
        self.latest: Height | None = None
        """The last one that was believed."""
        self.highest = 0
        """The greatest block height of those that can be of one chain with it."""
        self._doubted: Height | None = None

    def hear(self, height: Height) -> Height:
        """Give a height back, if it can be of the chain that the one before is of.

        Raises:
            NetworkUnavailable: it can't. One of the two is wrong; which one, the next that differs from both will show.
        """
        if self.latest is not None and not of_one_chain(self.latest, height):
            doubted, self._doubted = self._doubted, height
            # The same again is no second witness: many ask at once, and get one answer.
            if doubted is None or doubted == height or not of_one_chain(doubted, height):
                raise NetworkUnavailable("the chain's height contradicts what it was before")
            self.highest = doubted.block_height
        self.latest, self._doubted = height, None
        self.highest = max(self.highest, height.block_height)
        return height


def of_one_chain(one: Height, other: Height) -> bool:
    """Say whether two blocks can be of one chain: from one to the other are no more blocks than slots."""
    earlier, later = sorted((one, other), key=lambda height: height.slot)
    return 0 <= later.block_height - earlier.block_height <= later.slot - earlier.slot
