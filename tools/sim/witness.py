"""Looks at a world from all sides: whether it is at rest, and what each side says then."""

from collections import Counter
from collections.abc import Mapping, Sequence

from bestfill.order import Status
from bestfill.ports import OrderStore
from bestfill.quote import SwapOutcome
from bestfill.testing.invariants import Evidence, Stored
from bestfill.units import Millis, Mint
from tools.sim.chain import Chain
from tools.sim.clock import BEGIN
from tools.sim.fate import Fate
from tools.sim.network import Node
from tools.sim.people import People
from tools.sim.wire import at_once


class Witness:
    """Reads the store and the chain themselves, not through any process."""

    def __init__(
        self,
        fate: Fate,
        store: OrderStore,
        chain: Chain,
        nodes: Sequence[Node],
        users: Sequence[str],
        people: People,
    ) -> None:
        self._fate, self._store, self._chain, self._nodes = fate, store, chain, nodes
        self._users, self._people = users, people

    def at_rest(self) -> bool:
        """Say whether nobody wants anything, and all who read have read all."""
        people = self._people
        if people.busy:
            return False
        for stored in self._stored():
            flagged = any(attempt.attention is not None for attempt in stored.attempts)
            if not (stored.order.status.terminal or (flagged and self._untellable(stored))):
                return False
            reader = people.order_readers.get(stored.order.id)
            if reader is not None and len(reader.numbers) < stored.order.seq:
                return False
        return all(
            len(reader.numbers) >= at_once(self._store.user_seq(user_id))
            for user_id, reader in people.user_readers.items()
        )

    def evidence(self, balances: Mapping[tuple[str, Mint], int]) -> Evidence:
        """Give what all sides say."""
        people, stored = self._people, self._stored()
        return Evidence(
            orders=stored,
            landings=self._chain.landings(),
            order_readers=[reader.told for reader in people.order_readers.values()],
            user_readers=[reader.told for reader in people.user_readers.values()],
            answered=people.answered,
            accepted=list(people.accepted),
            cancelled=list(people.cancelled),
            untellable={one.order.id for one in stored if self._untellable(one)},
            balances={held: (before, self._chain.balances[held]) for held, before in balances.items()},
            counts=at_once(self._store.counts(Millis(BEGIN + int(self._fate.loop.time() * 1000)))),
        )

    def _untellable(self, stored: Stored) -> bool:
        """Whether no node can tell what became of the order's live swap, nor ever will: it cannot land any more."""
        signed = next((a.signed for a in stored.attempts if a.signed is not None and a.outcome is None), None)
        if stored.order.status is not Status.SUBMITTED or signed is None:
            return False
        if self._chain.height(self._chain.final_slot) <= signed.last_valid_block_height:
            return False
        told = (node.status(self._chain, signed.signature) for node in self._nodes)
        return all(status.outcome is SwapOutcome.UNKNOWN for status in told)

    def _stored(self) -> list[Stored]:
        store = self._store
        return [
            Stored(
                order=order,
                events=at_once(store.events(order.id)),
                attempts=at_once(store.executions(order.id)),
            )
            for user_id in self._users
            for order in at_once(store.page(user_id, 10**6, 0)).orders
        ]


def ends(evidence: Evidence) -> Counter[str]:
    """Count how the orders ended."""
    return Counter(
        f"failed, {stored.order.error_code}" if stored.order.error_code else stored.order.status.value
        for stored in evidence.orders
    )
