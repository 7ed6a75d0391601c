"""A Solana-like chain: slots, blocks and forks, a pool of sent swaps, and the balances that swaps move."""

from collections import defaultdict
from collections.abc import Callable
from typing import Final

from attrs import define, field, frozen

from bestfill.quote import Fill, SignedSwap, SwapPlan
from bestfill.testing.invariants import Landing
from bestfill.units import BaseUnits, Mint, OrderId, Signature
from tools.sim.fate import Fate

SLOT_S: Final = 0.4
FIRST_SLOT: Final = 1_000
SKIPPED: Final = 0.04
"""So many slots have no block."""


@frozen
class Included:
    """A swap in a block: `fill` is None if it failed there."""

    slot: int
    plan: SwapPlan
    fill: Fill | None


@define
class Sent:
    """A swap that waits for its block."""

    swap: SignedSwap
    plan: SwapPlan
    due: int
    """The height from which on it is included."""


@define
class Block:
    """What a slot holds."""

    slot: int
    swaps: list[Signature] = field(factory=list[Signature])


class Chain:
    """Makes a block a slot. What is `depth` slots old is final.

    Args:
        depth: in slots.
        window: for how many blocks a blockhash is good.
        owner: says whose order it is.
    """

    def __init__(self, fate: Fate, depth: int, window: int, owner: Callable[[OrderId], str]) -> None:
        self._fate, self.depth, self.window, self._owner = fate, depth, window, owner
        self.slot = FIRST_SLOT
        self.balances: defaultdict[tuple[str, Mint], int] = defaultdict(int)
        self.included: dict[Signature, Included] = {}
        self.signed: dict[Signature, tuple[SwapPlan, SignedSwap, int]] = {}
        """Plan, swap and slot of signing, of all there ever were."""
        self._blocks: list[Block] = []
        # For each slot from the first: the height of the last block up to it.
        self._heights: list[int] = [FIRST_SLOT - 100]
        self._pool: dict[Signature, Sent] = {}
        self._sent: dict[Signature, bool] = {}
        """Whether a swap that was sent is held until its last valid block, however often it is sent."""

    @property
    def final_slot(self) -> int:
        """The last slot that no fork can drop."""
        return max(FIRST_SLOT, self.slot - self.depth)

    def height(self, slot: int) -> int:
        """Give the height as of a slot."""
        return self._heights[max(0, min(slot, self.slot) - FIRST_SLOT)]

    def receive(self, swap: SignedSwap) -> None:
        """Take a sent swap into the pool, if it gets there."""
        fate, height = self._fate, self.height(self.slot)
        plan = self.signed[swap.signature][0]
        if swap.signature not in self._sent:
            self._sent[swap.signature] = fate.strikes("swap held until its last valid block")
        fault = fate.one_of(("send dropped", "send delayed"))
        if fault == "send dropped":
            fate.tell(f"{fate.name(plan.order_id)}: its swap is dropped on the way")
            return
        due = height + 1 + int(fate.within(0, 3))
        if fault is not None:
            due = height + int(fate.within(0, self.window))
        if self._sent[swap.signature]:
            due = swap.last_valid_block_height
        waiting = self._pool.get(swap.signature)
        if waiting is None or due < waiting.due:
            self._pool[swap.signature] = Sent(swap, plan, due)

    def advance(self) -> None:
        """Make the next slot's block."""
        fate = self._fate
        self.slot += 1
        self._heights.append(self._heights[-1])
        if fate.strikes("fork"):
            self._drop(1 + int(fate.within(0, self.depth - 1)))
        if fate.random.random() < SKIPPED:
            return
        self._heights[-1] += 1
        height, block = self._heights[-1], Block(self.slot)
        for signature, sent in list(self._pool.items()):
            if height > sent.swap.last_valid_block_height:
                del self._pool[signature]
            elif sent.due <= height:
                del self._pool[signature]
                if signature not in self.included:
                    self._include(block, sent)
        self._blocks.append(block)

    def landings(self) -> list[Landing]:
        """Give all swaps that have landed for good."""
        return [
            Landing(
                order_id=found.plan.order_id,
                signature=signature,
                amount_in=found.fill.amount_in,
                amount_out=found.fill.amount_out,
            )
            for signature, found in self.included.items()
            if found.fill is not None and found.slot <= self.final_slot
        ]

    def _include(self, block: Block, sent: Sent) -> None:
        fate, plan, leg = self._fate, sent.plan, sent.plan.route[0]
        holder, quoted = self._owner(plan.order_id), int(leg.payload)
        out = BaseUnits(quoted * int(fate.within(9_930, 10_010)) // 10_000)
        poor = self.balances[holder, plan.input_mint] < plan.amount_in
        fails = out < plan.min_out or poor or fate.strikes("swap reverted")
        fill = None if fails else Fill(amount_in=plan.amount_in, amount_out=out)
        self._move(holder, plan, fill, 1)
        signature = sent.swap.signature
        self.included[signature] = Included(block.slot, plan, fill)
        block.swaps.append(signature)
        fate.tell(f"{fate.name(plan.order_id)}: its swap {'fails' if fails else 'lands'} in slot {block.slot}")

    def _drop(self, count: int) -> None:
        """Another fork wins: the last slots' blocks are gone, and what was in them may or may not come again."""
        fate, last = self._fate, max(self.final_slot, self.slot - count)
        fate.tell(f"a fork drops the slots after {last}")
        height = self.height(last)
        while self._blocks and self._blocks[-1].slot > last:
            for signature in self._blocks.pop().swaps:
                gone = self.included.pop(signature)
                plan, swap, _ = self.signed[signature]
                self._move(self._owner(plan.order_id), plan, gone.fill, -1)
                if fate.random.random() < 0.5:
                    # At once or much later, up to its last valid block: it was as good as gone.
                    due = int(fate.within(height + 1, swap.last_valid_block_height + 1))
                    self._pool[signature] = Sent(swap, plan, due)
        for slot in range(last + 1, self.slot + 1):
            self._heights[slot - FIRST_SLOT] = height

    def _move(self, holder: str, plan: SwapPlan, fill: Fill | None, sign: int) -> None:
        if fill is None:
            return
        pool = f"pool {plan.route[0].venue}"
        for who, mint, amount in (
            (holder, plan.input_mint, -fill.amount_in),
            (pool, plan.input_mint, fill.amount_in),
            (pool, plan.output_mint, -fill.amount_out),
            (holder, plan.output_mint, fill.amount_out),
        ):
            self.balances[who, mint] += sign * amount
