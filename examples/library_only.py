"""Routing as a library: compare what venues offer, without any service, store or network. Needs `bestfill` alone."""

from bestfill.errors import VenueUnavailable
from bestfill.quote import Quote, QuoteRequest
from bestfill.routing import Answer, compare
from bestfill.slippage import min_out
from bestfill.tokens import MAINNET
from bestfill.units import BaseUnits, Bps, to_base_units, to_display

SOL, USDC = MAINNET.resolve("SOL"), MAINNET.resolve("USDC")
request = QuoteRequest(
    input_mint=SOL.mint,
    output_mint=USDC.mint,
    amount_in=to_base_units("1.5", SOL.decimals),
    decimals_in=SOL.decimals,
    decimals_out=USDC.decimals,
)


def offer(venue: str, pays: str, impact_bps: int) -> Quote:
    """What a venue would answer."""
    return Quote(
        venue=venue,
        input_mint=request.input_mint,
        output_mint=request.output_mint,
        amount_in=request.amount_in,
        amount_out=to_base_units(pays, USDC.decimals),
        price_impact_bps=Bps(impact_bps),
    )


answers = [
    Answer(venue="raydium", rank=0, quote=offer("raydium", "214.81", 3)),
    Answer(venue="meteora", rank=1, quote=offer("meteora", "209.47", 2)),
    Answer(venue="orca", rank=2, error=VenueUnavailable("no answer within 5000 ms")),
]
decision = compare(request, answers, min_amount_out=to_base_units("140", USDC.decimals))

for seen in decision.considered:
    mark = "*" if seen.chosen else " "
    pays = to_display(seen.quote.amount_out, USDC.decimals) if seen.quote else "-"
    print(f"{mark} {seen.venue:8} {pays:>8} USDC  {seen.reason}")

if decision.chosen:
    bound = min_out(decision.chosen.amount_out, Bps(50), BaseUnits(0))
    print(f"the swap must pay at least {to_display(bound, USDC.decimals)} USDC")
