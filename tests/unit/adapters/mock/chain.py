"""What the tests of the mock market and chain have in common."""

from attrs import evolve

from bestfill.ports import Venue
from bestfill.quote import Leg, QuoteRequest, SwapPlan
from bestfill.testing.clock import ManualClock
from bestfill.testing.samples import order_id
from bestfill.tokens import MAINNET
from bestfill.units import BaseUnits
from bestfill_adapters.mock import meteora, raydium
from bestfill_adapters.mock.ledger import Ledger, MemoryLedger
from bestfill_adapters.mock.network import MockNetwork
from bestfill_adapters.plugins import VenueContext
from bestfill_adapters.settings import MockSettings, Settings


def request(token_in: str = "SOL", token_out: str = "USDC", amount_in: int = 1_500_000_000) -> QuoteRequest:
    sold, bought = MAINNET.resolve(token_in), MAINNET.resolve(token_out)
    return QuoteRequest(
        input_mint=sold.mint,
        output_mint=bought.mint,
        amount_in=BaseUnits(amount_in),
        decimals_in=sold.decimals,
        decimals_out=bought.decimals,
    )


def context(seed: str = "seed", clock: ManualClock | None = None, **mock: object) -> VenueContext:
    settings = Settings(mock=MockSettings(**{"quote_ms": (0, 0), **mock}))  # pyright: ignore[reportArgumentType]
    return VenueContext(clock=clock or ManualClock(), seed=seed, settings=settings, environ={})


def both(seed: str = "seed", clock: ManualClock | None = None, **mock: object) -> tuple[Venue, Venue]:
    """Give raydium and meteora."""
    shared = context(seed, clock, **mock)
    return raydium.make(shared), meteora.make(shared)


def plan(number: int = 1, attempt: int = 1, quoted: int = 213_000_000, min_out: int = 212_000_000) -> SwapPlan:
    """Plan to sell 1.5 SOL for USDC in one leg."""
    asked = request()
    leg = Leg(
        venue="raydium",
        input_mint=asked.input_mint,
        output_mint=asked.output_mint,
        amount_in=asked.amount_in,
        min_out=BaseUnits(min_out),
        payload=str(quoted).encode(),
    )
    return SwapPlan(
        order_id=order_id(number),
        attempt=attempt,
        input_mint=asked.input_mint,
        output_mint=asked.output_mint,
        amount_in=asked.amount_in,
        min_out=leg.min_out,
        route=(leg,),
    )


def split(whole: SwapPlan) -> SwapPlan:
    """Part a plan of one leg into two, one of which takes a third."""
    (leg,) = whole.route
    third, out, bound = leg.amount_in // 3, int(leg.payload) // 3, leg.min_out // 3
    one = evolve(leg, amount_in=BaseUnits(third), min_out=BaseUnits(bound), payload=b"%d" % out)
    other = evolve(
        leg,
        amount_in=BaseUnits(leg.amount_in - third),
        min_out=BaseUnits(leg.min_out - bound),
        payload=b"%d" % (int(leg.payload) - out),
    )
    return evolve(whole, route=(one, other))


def network(
    clock: ManualClock, ledger: Ledger | None = None, *, seed: str = "seed", late_ms: int = 0, **mock: object
) -> MockNetwork:
    settings = MockSettings(**{"confirm_ms": (0, 0), **mock})  # pyright: ignore[reportArgumentType]
    return MockNetwork(ledger or MemoryLedger(), clock, settings, seed, late_ms=late_ms)
