"""Looks at the chain itself, not through any node: what has landed there, and what it has moved."""

from collections.abc import Iterator, Sequence

from solders.pubkey import Pubkey

from bestfill.order import AttemptOutcome, Order, Status
from bestfill.ports import OrderStore
from bestfill.testing.invariants import Evidence, Landing, Stored, Violation
from bestfill.units import BaseUnits, Mint, OrderId, Signature
from bestfill_adapters.solana.derive import token_account
from bestfill_adapters.solana.fees import fee_lamports
from bestfill_adapters.solana.network import FORGOTTEN_MEANWHILE
from bestfill_adapters.solana.rpc.read import WINDOW
from tools.cluster.cluster import NATIVE_MINT, Cluster
from tools.cluster.landed import Landed
from tools.sim.wire import at_once

Balances = dict[tuple[str, Mint], int]


class Witness:
    """Reads the store and the chain themselves. All orders are of the one user who is the cluster's wallet."""

    def __init__(self, store: OrderStore, cluster: Cluster) -> None:
        self._store, self._cluster = store, cluster
        self.wallet = str(cluster.wallet.pubkey())
        self._accounts = [self.wallet, *(token_account(self.wallet, mint) for mint in cluster.mints.values())]
        self._before = self._balances()

    def stored(self) -> list[Stored]:
        """Give all that the store has."""
        store = self._store
        return [
            Stored(
                order=order,
                events=at_once(store.events(order.id)),
                attempts=at_once(store.executions(order.id)),
            )
            for order in at_once(store.page(self.wallet, 10**6, 0)).orders
        ]

    def at_rest(self) -> bool:
        """Say whether every order has ended, or nobody can tell how and a person is asked."""
        return all(
            one.order.status.terminal
            or (self.untellable(one) and any(attempt.attention is not None for attempt in one.attempts))
            for one in self.stored()
        )

    def untellable(self, stored: Stored) -> bool:
        """Whether no node can tell what became of the order's live swap, nor ever will: it cannot land any more."""
        signed = next((a.signed for a in stored.attempts if a.signed is not None and a.outcome is None), None)
        chain = self._cluster.chain
        if stored.order.status is not Status.SUBMITTED or signed is None:
            return False
        if chain.blocks.upto(chain.final_slot).height <= signed.last_valid_block_height:
            return False
        return all(
            node.first().height > signed.last_valid_block_height - WINDOW - FORGOTTEN_MEANWHILE
            and node.find(signed.signature, node.block("finalized")) is None
            for node in self._cluster.nodes
        )

    def evidence(self) -> Evidence:
        """Give what both sides say."""
        stored = self.stored()
        orders = {one.order.id: one.order for one in stored}
        after = self._balances()
        # With the fees added again, the wallet has changed by what the swaps moved alone.
        after[self.wallet, NATIVE_MINT] += sum(landed.fee for landed in self._cluster.chain.final())
        return Evidence(
            orders=stored,
            landings=[self._landing(landed, orders) for landed in self._swaps()],
            untellable={one.order.id for one in stored if self.untellable(one)},
            balances={held: (before, after[held]) for held, before in self._before.items()},
        )

    def violations(self, evidence: Evidence) -> Iterator[Violation]:
        """Give what is wrong besides the invariants: what transactions say of themselves, and who has been flagged."""
        signed = {
            attempt.signed.signature: (one.order.id, attempt)
            for one in evidence.orders
            for attempt in one.attempts
            if attempt.signed is not None
        }
        for landed in self._cluster.chain.final():
            known = signed.get(Signature(landed.signature))
            if known is None or landed.memo != f"{known[0]}/{known[1].number}":
                yield Violation("memo", f"{landed.signature} says that it is for {landed.memo}, and is not")
                continue
            order_id, attempt = known
            if landed.fee != fee_lamports(landed.transaction):
                yield Violation("fee", f"{order_id}: it cost another fee than was computed beforehand", order_id)
            if attempt.outcome is AttemptOutcome.REVERTED and landed.error is None:
                yield Violation("swap", f"{order_id}: it was taken for reverted, and succeeded", order_id)

    def last_moment(self) -> int:
        """Count the swaps that landed in the very last block in which they could."""
        chain = self._cluster.chain
        lasts = {
            attempt.signed.signature: attempt.signed.last_valid_block_height
            for one in self.stored()
            for attempt in one.attempts
            if attempt.signed is not None
        }
        return sum(lasts.get(Signature(landed.signature)) == landed.height for landed in chain.final())

    def _swaps(self) -> Sequence[Landed]:
        return [landed for landed in self._cluster.chain.final() if landed.error is None]

    def _landing(self, landed: Landed, orders: dict[OrderId, Order]) -> Landing:
        order_id = OrderId((landed.memo or "").partition("/")[0])
        order = orders.get(order_id)
        return Landing(
            order_id=order_id,
            signature=Signature(landed.signature),
            amount_in=BaseUnits(-self._moved(landed, order.token_in) if order else 0),
            amount_out=BaseUnits(self._moved(landed, order.token_out) if order else 0),
        )

    def _moved(self, landed: Landed, mint: Mint) -> int:
        """Give by how much the wallet has more of a mint; of SOL: its lamports and those of its accounts."""
        if mint != NATIVE_MINT:
            return landed.tokens().get((self.wallet, mint), 0)
        changes = landed.lamports()
        return sum(changes.get(address, 0) for address in self._accounts) + landed.fee

    def _balances(self) -> Balances:
        cluster = self._cluster
        held: Balances = {(self.wallet, mint): self._tokens(self.wallet, mint) for mint in cluster.mints.values()}
        # Its accounts hold their rent, whoever paid it, and wrapped SOL.
        held[self.wallet, NATIVE_MINT] = sum(map(self._lamports, self._accounts))
        for pool in cluster.pools:
            held |= {(pool.address, mint): self._tokens(pool.address, mint) for mint in pool.mints}
        return held

    def _lamports(self, address: str) -> int:
        return self._cluster.chain.ledger.svm.get_balance(Pubkey.from_string(address)) or 0

    def _tokens(self, owner: str, mint: Mint) -> int:
        address = Pubkey.from_string(token_account(owner, mint))
        account = self._cluster.chain.ledger.svm.get_account(address)
        return int.from_bytes(account.data[64:72], "little") if account is not None else 0
