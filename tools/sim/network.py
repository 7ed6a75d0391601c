"""The way to the chain: nodes that lag behind it, forget, fail and lie a little."""

import hashlib
from collections.abc import Sequence
from typing import Any, cast

from attrs import define, evolve

from bestfill.errors import ExecutionError, NetworkUnavailable
from bestfill.ports import Network
from bestfill.quote import Fill, Height, SignedSwap, SwapOutcome, SwapPlan, SwapStatus
from bestfill.units import BaseUnits, Signature, base58_encode
from tools.sim.chain import FIRST_SLOT, Chain
from tools.sim.fate import Fate
from tools.sim.process import Process
from tools.sim.wire import Wire


@define
class Node:
    """What one RPC node knows: the chain as it was `lag` slots ago, without what was before slot `floor`."""

    lag: int = 0
    floor: int = 0
    lost: int = 0
    """The slot before which no node knows anything any more."""
    seen: int = FIRST_SLOT

    def catch_up(self) -> None:
        """Lag no more."""
        self.lag = 0

    def forget(self, slot: int) -> None:
        """Lose what was before the slot, for ever."""
        self.floor = self.lost = slot

    def recover(self) -> None:
        """Be as good as a node can be."""
        self.lag, self.floor = 0, self.lost

    def final_slot(self, chain: Chain) -> int:
        """Give the last slot that is final as far as it knows; this never goes back."""
        self.seen = max(self.seen, chain.final_slot - self.lag)
        return self.seen

    def height(self, chain: Chain) -> Height:
        """Give the finalized height."""
        slot = self.final_slot(chain)
        return Height(chain.height(slot), slot)

    def status(self, chain: Chain, signature: Signature) -> SwapStatus:
        """Say what has become of a signature."""
        slot, found = self.final_slot(chain), chain.included.get(signature)
        if found is not None and self.floor <= found.slot <= slot:
            if found.fill is None:
                return SwapStatus(outcome=SwapOutcome.REVERTED, slot=slot, reason="custom program error: 0x1771")
            return SwapStatus(outcome=SwapOutcome.LANDED, slot=slot, fill=found.fill)
        if found is not None and slot < found.slot <= chain.slot - self.lag:
            return SwapStatus(outcome=SwapOutcome.SEEN, slot=slot)
        forgotten = self.floor > chain.signed[signature][2]
        return SwapStatus(outcome=SwapOutcome.UNKNOWN if forgotten else SwapOutcome.NOT_FOUND, slot=slot)


class SimNetwork(Network):
    """One process's door to the chain: each question goes to some node."""

    def __init__(self, fate: Fate, process: Process, chain: Chain, nodes: Sequence[Node]) -> None:
        self._fate, self._chain, self._nodes = fate, chain, nodes
        self._wire = Wire(fate, process, "node", NetworkUnavailable)

    async def sign(self, plan: SwapPlan) -> SignedSwap:
        return await self._wire.ask("sign", lambda: self._sign(plan), 4)

    async def send(self, swap: SignedSwap) -> None:
        await self._wire.ask("send", lambda: self._send(swap), 4)

    async def height(self) -> Height:
        return await self._wire.ask("height", self._height, 0.3)

    async def status(self, swap: SignedSwap) -> SwapStatus:
        return await self._wire.ask("status", lambda: self._status(swap.signature), 0.3)

    def _node(self) -> Node:
        return self._nodes[int(self._fate.random.random() * len(self._nodes))]

    def _sign(self, plan: SwapPlan) -> SignedSwap:
        chain = self._chain
        height = chain.height(chain.slot - self._node().lag)
        transaction = f"{plan.order_id} {plan.attempt} {len(chain.signed)}".encode()
        swap = SignedSwap(
            signature=Signature(base58_encode(hashlib.sha512(transaction).digest())),
            transaction=transaction,
            blockhash=f"hash{height}",
            last_valid_block_height=height + chain.window,
        )
        chain.signed[swap.signature] = plan, swap, chain.slot
        return swap

    def _send(self, swap: SignedSwap) -> None:
        known = self._chain.signed.get(swap.signature)
        if known is None or known[1] != swap:
            raise ExecutionError("these bytes were not signed here")
        self._fate.tell(f"{self._fate.name(known[0].order_id)}: its swap is sent")
        self._chain.receive(swap)

    def _height(self) -> Height:
        height = self._node().height(self._chain)
        if self._fate.strikes("node answers garbage"):
            return cast("Any", self._fate.random.choice([None, Height(height.slot + 1, height.slot), Height(-1, -1)]))
        return height

    def _status(self, signature: Signature) -> SwapStatus:
        status = self._node().status(self._chain, signature)
        if self._fate.strikes("node answers garbage"):
            nonsense: list[Any] = [None, "landed", evolve(status, outcome="landed"), evolve(status, slot=None)]
            if status.fill is not None:
                nonsense = [
                    evolve(status, fill=None),
                    evolve(status, fill=Fill(amount_in=status.fill.amount_in, amount_out=BaseUnits(0))),
                ]
            return self._fate.random.choice(nonsense)
        return status
