"""Orders and moves to test with."""

import hashlib

from attrs import evolve

from bestfill import transition as to
from bestfill.errors import BlockhashExpired
from bestfill.events import OrderEvent
from bestfill.order import Attempt, AttemptOutcome, Order, OrderRequest
from bestfill.quote import Considered, Fill, Leg, Quote, QuoteRequest, SignedSwap
from bestfill.routing import Decision
from bestfill.tokens import MAINNET
from bestfill.transition import Transition
from bestfill.units import BaseUnits, Bps, Millis, OrderId, Signature, base58_encode, uuid7

SOL, USDC = MAINNET.resolve("SOL"), MAINNET.resolve("USDC")
NOW = Millis(1_765_880_000_000)


def request(
    user_id: str = "user-123",
    amount_in: int = 1_500_000_000,
    min_amount_out: int | None = 140_000_000,
    slippage_bps: int = 50,
    expires_at: int | None = None,
) -> OrderRequest:
    """Ask to swap SOL for USDC."""
    return OrderRequest(
        user_id=user_id,
        token_in=SOL,
        token_out=USDC,
        amount_in=BaseUnits(amount_in),
        min_amount_out=None if min_amount_out is None else BaseUnits(min_amount_out),
        slippage_bps=Bps(slippage_bps),
        expires_at=None if expires_at is None else Millis(expires_at),
    )


def new_order(
    number: int = 1, asked: OrderRequest | None = None, now: Millis = NOW, ttl_ms: int = 300_000
) -> tuple[Order, OrderEvent]:
    """Make the `number`-th order, accepted at `now`."""
    return to.place(order_id(number), asked or request(), Millis(now + ttl_ms), now)


def order_id(number: int) -> OrderId:
    """Give the same id for the same number."""
    return uuid7(NOW, int.from_bytes(hashlib.sha256(b"%d" % number).digest()[:9]))


def quote_request(order: Order) -> QuoteRequest:
    """Ask for a quote of the order's swap."""
    return order.quote_request


def quote(order: Order, amount_out: int = 213_000_000, venue: str = "raydium") -> Quote:
    """Offer something for the order."""
    return Quote(
        venue=venue,
        input_mint=order.token_in,
        output_mint=order.token_out,
        amount_in=order.amount_in,
        amount_out=BaseUnits(amount_out),
        price_impact_bps=Bps(3),
        fee_bps=Bps(25),
        payload=b"\x00pool\xff",
    )


def decision(order: Order, amount_out: int = 213_000_000) -> Decision:
    """Choose raydium over meteora, which did not answer."""
    chosen = quote(order, amount_out)
    won = Considered(venue="raydium", quote=chosen, chosen=True, reason="pays the most")
    lost = Considered(venue="meteora", quote=None, reason="no answer within 5000 ms")
    return Decision(chosen=chosen, considered=(won, lost), reason=won.reason)


def signed(order: Order, salt: int = 0) -> SignedSwap:
    """Sign something for the order's attempt."""
    transaction = f"{order.id} {order.attempt} {salt}".encode()
    signature = Signature(base58_encode(hashlib.sha512(transaction).digest()))
    return SignedSwap(signature=signature, transaction=transaction, blockhash="hash", last_valid_block_height=1_150)


def started(order: Order, now: Millis = NOW) -> Transition:
    """Move a waiting order to routing."""
    return to.start(order, Millis(now + 10_000), now)


def chosen(order: Order, attempt: Attempt, now: Millis = NOW) -> Transition:
    """Move it to building."""
    return to.choose(order, attempt, decision(order), Millis(now + 10_000), now)


def submitted(order: Order, attempt: Attempt, now: Millis = NOW) -> Transition:
    """Move it to submitted."""
    leg = Leg(
        venue="raydium",
        input_mint=order.token_in,
        output_mint=order.token_out,
        amount_in=order.amount_in,
        min_out=BaseUnits(1),
        payload=b"\x00leg\xff",
    )
    return to.sign(order, evolve(attempt, route=(leg,)), signed(order), Millis(now + 10_000), now)


def landed(order: Order, attempt: Attempt, now: Millis = NOW) -> Transition:
    """Move it to confirmed."""
    fill = Fill(amount_in=order.amount_in, amount_out=BaseUnits(212_999_999))
    return to.land(order, attempt, fill, now)


def retried(order: Order, attempt: Attempt, now: Millis = NOW) -> Transition:
    """Move it from submitted back to pending, its signature being dead."""
    error = BlockhashExpired("the swap was not included in time")
    return to.retry(order, attempt, error, AttemptOutcome.EXPIRED, Millis(now + 1_000), now)
