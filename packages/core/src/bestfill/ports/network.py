"""The chain."""

from abc import abstractmethod
from typing import Protocol

from bestfill.quote import Height, SignedSwap, SwapPlan, SwapStatus


class Network(Protocol):
    """Signs, sends and looks up swaps. A signature lands at most once, however often its bytes are sent."""

    @abstractmethod
    async def sign(self, plan: SwapPlan) -> SignedSwap:
        """Make one atomic transaction of the plan, and sign it. MUST NOT send anything.

        Two orders, or two attempts of one, MUST NOT get the same signature, even for the same trade at the same moment:
        one landing would be taken for both.

        Raises:
            ExecutionError: it cannot be built.
            NetworkUnavailable: the chain cannot be asked now.
        """

    @abstractmethod
    async def send(self, swap: SignedSwap) -> None:
        """Send the swap's bytes as they are. Returning means received, not landed.

        Raises:
            NetworkUnavailable: whether they were received is not known.
        """

    @abstractmethod
    async def height(self) -> Height:
        """Give the finalized block height and the slot that it was read at.

        Raises:
            NetworkUnavailable: the chain cannot be asked now.
        """

    @abstractmethod
    async def status(self, swap: SignedSwap) -> SwapStatus:
        """Say what has become of a signed swap, as of a slot. It may have been signed by another process, long ago.

        MUST say landed or reverted only of what is finalized, and not_found only of what is on no block, if its
        history goes back far enough to have seen the swap: otherwise unknown.

        Raises:
            NetworkUnavailable: the chain cannot be asked now.
        """
