"""From what is stored to what is sent."""

from collections.abc import Iterable
from typing import Any, cast

from bestfill.events import OrderEvent
from bestfill.order import Attempt, Order, OrderRequest, Status
from bestfill.quote import Considered
from bestfill.routing import Decision
from bestfill.slippage import min_out
from bestfill.units import BaseUnits, Millis, iso, price, to_display
from bestfill_api.dto import Accepted, EventMessage, Execution, LegView, OrderView, Preview, QuoteView


def accepted(order: Order) -> Accepted:
    """Answer an accepted order; a replay gets the same answer, however far the order has come."""
    return Accepted(
        order_id=order.id, ws_url=f"/ws/{order.id}", status=Status.PENDING, created_at=iso(order.created_at)
    )


def order_view(order: Order) -> OrderView:
    """Show an order as it stands."""
    return OrderView(
        id=order.id,
        user_id=order.user_id,
        token_in=order.token_in,
        token_out=order.token_out,
        amount_in=to_display(order.amount_in, order.decimals_in),
        min_amount_out=_display(order.min_amount_out, order.decimals_out),
        slippage_tolerance=order.slippage_bps / 100,
        slippage_bps=order.slippage_bps,
        status=order.status,
        dex_selected=order.dex_selected,
        tx_hash=order.tx_hash,
        executed_price=order.executed_price,
        amount_out=_display(order.amount_out, order.decimals_out),
        error_code=order.error_code,
        error_reason=order.error_reason,
        attempts=order.attempt,
        created_at=iso(order.created_at),
        updated_at=iso(order.updated_at),
        completed_at=_iso(order.completed_at),
        expires_at=iso(order.expires_at),
        seq=order.seq,
    )


def event_message(event: OrderEvent) -> EventMessage:
    """Show an event as it is streamed."""
    return EventMessage(
        order_id=event.order_id,
        seq=event.seq,
        user_seq=event.user_seq,
        status=event.status,
        attempt=event.attempt,
        data=cast("dict[str, Any]", event.data),
        timestamp=event.timestamp,
    )


def execution(order: Order, attempt: Attempt) -> Execution:
    """Show an attempt, without what is opaque or signed."""
    fill, signed = attempt.fill, attempt.signed
    return Execution(
        attempt=attempt.number,
        quotes=quote_views(attempt.quotes, order.decimals_out),
        dex=attempt.venue,
        quoted_out=_display(attempt.quoted_out, order.decimals_out),
        min_out=_display(attempt.min_out, order.decimals_out),
        # A route is one leg for now, so both its ends have the order's decimals.
        route=[
            LegView(
                dex=leg.venue,
                token_in=leg.input_mint,
                token_out=leg.output_mint,
                amount_in=to_display(leg.amount_in, order.decimals_in),
                min_out=to_display(leg.min_out, order.decimals_out),
            )
            for leg in attempt.route
        ],
        signature=signed.signature if signed else None,
        last_valid_block_height=signed.last_valid_block_height if signed else None,
        outcome=attempt.outcome,
        amount_in=to_display(fill.amount_in, order.decimals_in) if fill else None,
        amount_out=to_display(fill.amount_out, order.decimals_out) if fill else None,
        error_code=attempt.error_code,
        error_reason=attempt.error_reason,
        attention=attempt.attention,
        started_at=iso(attempt.started_at),
        quoted_at=_iso(attempt.quoted_at),
        submitted_at=_iso(attempt.submitted_at),
        ended_at=_iso(attempt.ended_at),
    )


def preview(request: OrderRequest, decision: Decision) -> Preview:
    """Show a routing decision, and the bound that a swap would have to keep."""
    chosen, decimals_out = decision.chosen, request.token_out.decimals
    bound = min_out(chosen.amount_out, request.slippage_bps, request.min_amount_out) if chosen else None
    return Preview(
        token_in=request.token_in.mint,
        token_out=request.token_out.mint,
        amount_in=to_display(request.amount_in, request.token_in.decimals),
        slippage_bps=request.slippage_bps,
        chosen=chosen.venue if chosen else None,
        reason=decision.reason,
        code=decision.error.code if decision.error else None,
        amount_out=to_display(chosen.amount_out, decimals_out) if chosen else None,
        min_out=_display(bound, decimals_out),
        price=price(request.amount_in, request.token_in.decimals, chosen.amount_out, decimals_out) if chosen else None,
        quotes=quote_views(decision.considered, decimals_out),
    )


def quote_views(quotes: Iterable[Considered], decimals_out: int) -> list[QuoteView]:
    """Show what each venue offered, without its payload."""
    return [
        QuoteView(
            dex=c.venue,
            amount_out=to_display(c.quote.amount_out, decimals_out) if c.quote else None,
            price_impact_bps=c.quote.price_impact_bps if c.quote else None,
            fee_bps=c.quote.fee_bps if c.quote else None,
            chosen=c.chosen,
            reason=c.reason,
        )
        for c in quotes
    ]


def _display(amount: BaseUnits | None, decimals: int) -> str | None:
    return None if amount is None else to_display(amount, decimals)


def _iso(moment: Millis | None) -> str | None:
    return None if moment is None else iso(moment)
