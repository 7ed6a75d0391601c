"""A DEX."""

from abc import abstractmethod
from typing import Protocol

from bestfill.quote import Leg, Quote, QuoteRequest
from bestfill.units import BaseUnits


class Venue(Protocol):
    """A place to trade.

    It MUST NOT hold state that a restart loses and `leg` needs: all of that goes into the quote's payload.
    Both calls may be cancelled at any await, and may run many at a time.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The name that clients see: constant, not empty, unique among the venues in use."""

    @abstractmethod
    async def quote(self, request: QuoteRequest) -> Quote:
        """Say what the user would receive, after all fees.

        The quote MUST be for exactly the request's pair and amount, carry this venue's name, and promise nothing
        that a swap sent now would not give.

        Raises:
            NoRoute: the venue does not trade the pair.
            VenueUnavailable: it cannot answer now.
        """

    @abstractmethod
    async def leg(self, quote: Quote, min_out: BaseUnits) -> Leg:
        """Turn one of its quotes into what the network needs; nothing is sent.

        The leg MUST make the swap fail, rather than pay less than `min_out`. The quote may come from before a restart.

        Raises:
            VenueUnavailable: it cannot do it now.
            ExecutionError: the quote can't be traded any more.
        """
