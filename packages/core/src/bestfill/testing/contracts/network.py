"""The checks of a Network, with a plan that it can sign and a way to let its time pass."""

from collections.abc import Awaitable, Callable
from typing import Final

from attrs import evolve, frozen

from bestfill.decide import proven_dead
from bestfill.errors import ExecutionError
from bestfill.ports import Network
from bestfill.quote import SignedSwap, SwapOutcome, SwapPlan, SwapStatus
from bestfill.testing.samples import order_id


@frozen
class Subject:
    """A network on which everything that is sent lands.

    `settle`: let time pass until what was sent has landed. `expire`: let time pass until what is signed now can
    never land.
    """

    network: Network
    plan: SwapPlan
    settle: Callable[[], Awaitable[None]]
    expire: Callable[[], Awaitable[None]]


async def signing_sends_nothing(subject: Subject) -> None:
    """A signed swap that is not sent never lands, and is proven dead in the end."""
    swap = await subject.network.sign(subject.plan)
    assert swap.signature and swap.transaction and swap.blockhash, "the signed swap lacks something"
    await subject.settle()
    assert (await subject.network.status(swap)).outcome is SwapOutcome.NOT_FOUND
    await subject.expire()
    assert await _dead(subject, swap), "past its last valid block, it is not proven dead"


async def no_two_attempts_share_a_signature(subject: Subject) -> None:
    """The same trade at the same moment is another transaction for another order or attempt."""
    network, plan = subject.network, subject.plan
    other = evolve(plan, order_id=order_id(404))
    swaps = [await network.sign(p) for p in (plan, other, evolve(plan, attempt=plan.attempt + 1))]
    assert len({swap.signature for swap in swaps}) == 3, "one landing would be taken for several"


async def a_fresh_swap_is_alive(subject: Subject) -> None:
    """What was signed just now may land, so it must not look dead."""
    swap = await subject.network.sign(subject.plan)
    height = await subject.network.height()
    assert swap.last_valid_block_height > height.block_height, "it can't land any more"
    assert not await _dead(subject, swap), "it looks dead"


async def what_is_sent_lands_with_its_fill(subject: Subject) -> None:
    """Landing gives exactly the input, and at least the bound."""
    swap = await subject.network.sign(subject.plan)
    await subject.network.send(swap)
    await subject.settle()
    status = await subject.network.status(swap)
    assert status.outcome is SwapOutcome.LANDED, f"it is {status.outcome}"
    assert status.fill is not None, "it landed without a fill"
    assert status.fill.amount_in == subject.plan.amount_in, "the fill took another amount"
    assert status.fill.amount_out >= subject.plan.min_out, "the fill is below the bound"


async def the_same_bytes_land_once(subject: Subject) -> None:
    """Sending again, before and after landing, changes nothing."""
    swap = await subject.network.sign(subject.plan)
    for _ in range(3):
        await subject.network.send(swap)
    await subject.settle()
    first = await subject.network.status(swap)
    await subject.network.send(swap)
    await subject.settle()
    again = await subject.network.status(swap)
    assert (again.outcome, again.fill) == (first.outcome, first.fill), "sending again changed the outcome"


async def what_is_sent_too_late_never_lands(subject: Subject) -> None:
    """Past its last valid block a swap is dead, also if it is sent then."""
    swap = await subject.network.sign(subject.plan)
    await subject.expire()
    await subject.network.send(swap)
    await subject.settle()
    assert await _dead(subject, swap), "it is not proven dead"


async def a_swap_that_cannot_pay_its_bound_does_not_land(subject: Subject) -> None:
    """The bound is enforced, by the chain or before anything is signed: nothing is swapped below it."""
    bound = subject.plan.route[0].min_out * 1_000
    legs = tuple(evolve(leg, min_out=bound) for leg in subject.plan.route)
    try:
        swap = await subject.network.sign(evolve(subject.plan, min_out=bound, route=legs))
    except ExecutionError:
        return
    await subject.network.send(swap)
    await subject.settle()
    status = await subject.network.status(swap)
    assert status.outcome is not SwapOutcome.LANDED, "it landed below its bound"


async def heights_only_grow(subject: Subject) -> None:
    """Neither heights nor slots go back."""
    before = await subject.network.height()
    status = await _status(subject)
    await subject.settle()
    after = await subject.network.height()
    assert after.block_height >= before.block_height and after.slot >= before.slot, "the chain went back"
    assert (await _status(subject)).slot >= status.slot, "the status went back"


async def _status(subject: Subject) -> SwapStatus:
    swap = await subject.network.sign(subject.plan)
    return await subject.network.status(swap)


async def _dead(subject: Subject, swap: SignedSwap) -> bool:
    height = await subject.network.height()
    return proven_dead(swap, height, await subject.network.status(swap))


CHECKS: Final[tuple[Callable[[Subject], Awaitable[None]], ...]] = (
    signing_sends_nothing,
    no_two_attempts_share_a_signature,
    a_fresh_swap_is_alive,
    what_is_sent_lands_with_its_fill,
    the_same_bytes_land_once,
    what_is_sent_too_late_never_lands,
    a_swap_that_cannot_pay_its_bound_does_not_land,
    heights_only_grow,
)
