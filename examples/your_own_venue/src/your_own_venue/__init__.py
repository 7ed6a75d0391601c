"""A venue with one pool of SOL and USDC, priced by x · y = k."""

from bestfill.errors import ExecutionError, NoRoute
from bestfill.ports import Venue
from bestfill.quote import Leg, Quote, QuoteRequest
from bestfill.tokens import MAINNET
from bestfill.units import BPS, U64_MAX, BaseUnits, Bps, Mint

SOL, USDC = MAINNET.resolve("SOL").mint, MAINNET.resolve("USDC").mint
FEE_BPS = Bps(30)


class YourOwnVenue(Venue):
    """A constant-product pool; its reserves are in base units."""

    def __init__(self, reserves: dict[Mint, int]) -> None:
        self._reserves = reserves

    @property
    def name(self) -> str:
        """What clients see."""
        return "your_own"

    async def quote(self, request: QuoteRequest) -> Quote:
        """Pay ⌊y · net / (x + net)⌋, where net is what is left of the input after the fee."""
        if request.input_mint == request.output_mint or not {request.input_mint, request.output_mint} <= set(
            self._reserves
        ):
            raise NoRoute("this venue has one pool, of SOL and USDC")
        x, y = self._reserves[request.input_mint], self._reserves[request.output_mint]
        net = request.amount_in * (BPS - FEE_BPS) // BPS
        amount_out = y * net // (x + net)
        if not 0 < amount_out <= U64_MAX:
            raise ExecutionError("the output is no amount")
        return Quote(
            venue=self.name,
            input_mint=request.input_mint,
            output_mint=request.output_mint,
            amount_in=request.amount_in,
            amount_out=BaseUnits(amount_out),
            price_impact_bps=Bps(BPS * net // (x + net)),
            fee_bps=FEE_BPS,
        )

    async def leg(self, quote: Quote, min_out: BaseUnits) -> Leg:
        """Say what the network needs: on the mock network, the output in decimal digits."""
        return Leg(
            venue=self.name,
            input_mint=quote.input_mint,
            output_mint=quote.output_mint,
            amount_in=quote.amount_in,
            min_out=min_out,
            payload=str(quote.amount_out).encode(),
        )


def make(_context: object) -> YourOwnVenue:
    """Make the venue; `context` is a `bestfill_adapters.plugins.VenueContext`, of which this one needs nothing."""
    return YourOwnVenue({SOL: 70_000 * 10**9, USDC: 10_000_000 * 10**6})
