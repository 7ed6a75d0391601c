"""The whole policy of execution: from what is stored and known to the next step, without any I/O."""

from typing import Final, TypeAlias, TypeVar

from attrs import define, field, frozen

from bestfill.errors import BestfillError, BlockhashExpired, Expired, PolicyDenied, QuoteError, SwapReverted
from bestfill.mandate import MAX_SLIPPAGE, UNBOUND, Mandate
from bestfill.order import Attempt, Order, Status
from bestfill.policy import ExecutionPolicy
from bestfill.quote import Fill, Height, Quote, SignedSwap, SwapOutcome, SwapStatus
from bestfill.retry import poll_wait_ms
from bestfill.routing import Decision
from bestfill.slippage import check_fill
from bestfill.units import Millis


@define(kw_only=True)
class Known:
    """What a worker knows beyond the store; all of it may be lost at any time.

    `held`: this worker holds the lease of the stored version. `halted`: nothing may be signed now. `reserved`:
    whether the order is counted, and within what its user may sell on its day. `error`: the step at hand failed; once
    something is signed, a person must look. `height` and `status` were asked for in this order, `polls` times so far,
    last at `polled_at`.
    """

    held: bool = False
    halted: bool = False
    decision: Decision | None = None
    reserved: bool | None = None
    signed: SignedSwap | None = field(default=None, repr=False)
    error: BestfillError | None = None
    sent_at: Millis | None = None
    height: Height | None = None
    status: SwapStatus | None = None
    polls: int = 0
    polled_at: Millis = Millis(0)


@frozen
class Done:
    """The order has ended."""


@frozen
class Leave:
    """Somebody else has the order, or it is not due: nothing to do until it is woken again."""


@frozen
class Claim:
    """Take over a running order whose lease has passed, or keep one's own."""


@frozen
class Start:
    """Take a waiting order."""


@frozen
class AskQuotes:
    """Ask every venue."""


@frozen
class Choose:
    """Record the routing decision."""

    decision: Decision


@frozen
class Reserve:
    """Have the order counted into its user's day, unless it is, and held against the bound."""


@frozen
class Build:
    """Build and sign the swap for this quote; nothing is sent."""

    quote: Quote


@frozen
class Submit:
    """Record the signed swap."""

    signed: SignedSwap


@frozen
class Send:
    """Send the recorded bytes."""

    signed: SignedSwap


@frozen
class Poll:
    """Ask for the height, then for the signature's status."""

    signed: SignedSwap


@frozen
class Pause:
    """Keep the order in hand and wait."""

    until: Millis


@frozen
class Confirm:
    """The swap landed."""

    fill: Fill


@frozen
class Flag:
    """A person must look."""

    reason: str


@frozen
class Rest:
    """Give the order back until then."""

    until: Millis


@frozen
class Retry:
    """End the attempt and wait for the next."""

    error: BestfillError


@frozen
class Fail:
    """End the order without a swap."""

    error: BestfillError


Step: TypeAlias = (
    Done | Leave | Claim | Start | AskQuotes | Choose | Reserve | Build | Submit | Send | Poll | Pause | Confirm | Flag
    | Rest | Retry | Fail
)  # fmt: skip

T = TypeVar("T")

_UNSIGNED: Final = (Status.PENDING, Status.ROUTING, Status.BUILDING)
_DONE: Final = Done()
_LEAVE: Final = Leave()
_RESERVE: Final = Reserve()


def decide(
    order: Order,
    attempt: Attempt | None,
    known: Known,
    policy: ExecutionPolicy,
    now: Millis,
    in_hand: int = 1,
    mandate: Mandate = UNBOUND,
) -> Step:
    """Give the next step of an order.

    Args:
        order: as stored.
        attempt: its current attempt as stored; None before the first.
        known: what this worker has found out since it took the order.
        policy: the numbers.
        now: the time.
        in_hand: how many orders this process works on, this one included.
        mandate: this worker's own bounds, whatever those were by which the order was accepted.
    """
    if order.status.terminal:
        return _DONE
    if known.halted and waits_while_halted(order, now) and known.error is None:
        # Put down rather than kept in hand, where it would take the place of an order that is signed.
        return Rest(now) if known.held else _LEAVE
    if not known.held:
        if now < order.wake_at:
            # A wake may come a little early, since timers and the clocks of two machines differ.
            almost = order.status is Status.PENDING and order.wake_at - now <= policy.early_ms
            return Pause(order.wake_at) if almost else _LEAVE
        if order.status is not Status.PENDING:
            return Claim()
    if order.status is Status.SUBMITTED:
        return _submitted(order, _present(attempt), known, policy, now, in_hand)
    return _unsigned(order, attempt, known, policy, now, mandate)


def waits_while_halted(order: Order, now: Millis) -> bool:
    """Say whether an order has to wait until the engine is resumed: what is signed, has ended or expired does not."""
    return order.status in _UNSIGNED and now < order.expires_at


def proven_dead(signed: SignedSwap, height: Height, status: SwapStatus) -> bool:
    """Say whether a signature can never land any more.

    True only if the finalized height is past its last valid block, and a status no older than that height, asked
    for after it, does not know the signature. A lagging node's "not found" proves nothing.
    """
    return (
        height.block_height > signed.last_valid_block_height
        and status.outcome is SwapOutcome.NOT_FOUND
        and status.slot >= height.slot
    )


def _unsigned(
    order: Order, attempt: Attempt | None, known: Known, policy: ExecutionPolicy, now: Millis, mandate: Mandate
) -> Step:
    if now >= order.expires_at:
        return Fail(Expired("the order was not signed before it expired"))
    if known.error is not None:
        return _again(order, known.error, policy)
    if (denied := _denied(order, policy, mandate)) is not None:
        return Fail(denied)
    match order.status:
        case Status.PENDING:
            return Start()
        case Status.ROUTING:
            return _routing(order, known, policy)
        case _:
            return _building(order, _present(attempt), known, policy, now, mandate)


def _routing(order: Order, known: Known, policy: ExecutionPolicy) -> Step:
    if known.decision is None:
        return AskQuotes()
    if known.decision.error is not None:
        return _again(order, known.decision.error, policy)
    return Choose(known.decision)


def _building(
    order: Order, attempt: Attempt, known: Known, policy: ExecutionPolicy, now: Millis, mandate: Mandate
) -> Step:
    quote = next((c.quote for c in attempt.quotes if c.chosen), None)
    if quote is None or attempt.quoted_at is None or now - attempt.quoted_at > policy.quote_ttl_ms:
        return _again(order, QuoteError("the quote grew too old before the swap was signed"), policy)
    denied = mandate.venue_denial(quote.venue) or mandate.impact_denial(quote.price_impact_bps)
    if denied is not None:
        return _again(order, denied, policy)
    if mandate.daily(order.token_in) is not None:
        if known.reserved is None:
            return _RESERVE
        if not known.reserved:
            return Fail(mandate.day_denial(order.token_in, order.decimals_in))
    return Submit(known.signed) if known.signed is not None else Build(quote)


def _denied(order: Order, policy: ExecutionPolicy, mandate: Mandate) -> PolicyDenied | None:
    if order.slippage_bps > policy.max_slippage_bps:
        most = f"at most {policy.max_slippage_bps} basis points of slippage are allowed"
        return PolicyDenied(MAX_SLIPPAGE, f"{most} ({MAX_SLIPPAGE})")
    return mandate.order_denial(order.token_in, order.token_out, order.amount_in, order.decimals_in)


def _submitted(
    order: Order, attempt: Attempt, known: Known, policy: ExecutionPolicy, now: Millis, in_hand: int
) -> Step:
    if known.error is not None:
        return _ask_a_person(attempt, known.error.reason, policy, now)
    signed, height = _present(attempt.signed), known.height
    if height is not None and known.status is not None:
        told = _told(order, attempt, height, known.status, policy, now)
        if told is not None:
            return told
    if known.polls > 0 and attempt.submitted_at is not None and now - attempt.submitted_at > policy.unanswered_ms:
        return _ask_a_person(attempt, "the network has not told for long what became of the swap", policy, now)
    if order.wake_at - now < policy.lease_ms // 2:
        return Claim()
    alive = height is None or height.block_height <= signed.last_valid_block_height
    # Both waits hold against a clock that jumped back: nothing is put off for longer than it should take.
    if alive and (known.sent_at is None or not 0 <= now - known.sent_at < policy.resend_ms):
        return Send(signed)
    if known.polls == 0:
        return Poll(signed)
    wait = poll_wait_ms(known.polls, policy.first_poll_ms, policy.longest_poll_ms)
    wait = max(wait, in_hand * 1_000 // policy.polls_per_s)
    due = min(known.polled_at, now) + wait
    # Who waits long for its turn keeps its lease meanwhile.
    return Poll(signed) if due <= now else Pause(Millis(min(due, order.wake_at - policy.lease_ms // 2 + 1)))


def _told(
    order: Order, attempt: Attempt, height: Height, status: SwapStatus, policy: ExecutionPolicy, now: Millis
) -> Step | None:
    """What follows from the network's answer, or None if it proves nothing."""
    match status.outcome:
        case SwapOutcome.LANDED:
            return _landed(order, attempt, status, policy, now)
        case SwapOutcome.REVERTED:
            return _again(order, SwapReverted(f"the swap failed on chain: {status.reason}"), policy)
        case SwapOutcome.UNKNOWN:
            return _ask_a_person(attempt, "the network can no longer tell whether the swap landed", policy, now)
        case SwapOutcome.SEEN:
            return None
        case SwapOutcome.NOT_FOUND:
            dead = proven_dead(_present(attempt.signed), height, status)
            return _again(order, BlockhashExpired("the swap was not included in time"), policy) if dead else None


def _landed(order: Order, attempt: Attempt, status: SwapStatus, policy: ExecutionPolicy, now: Millis) -> Step:
    if status.fill is None:
        return _ask_a_person(attempt, "the swap landed, but the network does not say with what", policy, now)
    try:
        check_fill(order, attempt, status.fill)
    except BestfillError as error:
        # The program enforces the bound, so the answer, not the swap, is what is most likely wrong.
        return _ask_a_person(attempt, f"the network reports a fill that cannot be: {error.reason}", policy, now)
    return Confirm(status.fill)


def _ask_a_person(attempt: Attempt, reason: str, policy: ExecutionPolicy, now: Millis) -> Step:
    return Flag(reason) if attempt.attention != reason else Rest(Millis(now + policy.attention_poll_ms))


def _again(order: Order, error: BestfillError, policy: ExecutionPolicy) -> Step:
    return Retry(error) if error.retryable and order.attempt < policy.max_attempts else Fail(error)


def _present(value: T | None) -> T:
    if value is None:
        raise ValueError("the stored attempt lacks what its order's status implies")
    return value
