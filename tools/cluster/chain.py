"""The chain: slots by the caller's clock, a pool of what was sent, blocks and forks, all by one seed."""

from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Final

from attrs import frozen
from solders.account import Account
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from tools.cluster.blocks import Block, Blocks
from tools.cluster.landed import Landed
from tools.cluster.ledger import Ledger
from tools.cluster.rules import FIRST_SLOT, Rules


@frozen
class Sent:
    """A transaction that waits for its block: from the height `due` on it is taken."""

    transaction: VersionedTransaction
    signature: str
    due: int


class Chain:
    """Makes a block a slot, as of `now_ms`: whoever looks at it calls `advance` first.

    Time may stand still, jump ahead or go back (then the chain waits). `rules` may be replaced at any time.
    """

    def __init__(self, now_ms: Callable[[], int], seed: object = 0, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.seed: Final = str(seed)
        self._now_ms, self._begin_ms = now_ms, now_ms()
        # Apart, so that which slots are skipped and which forks win depends on the seed alone.
        self._slots, self._sends = Random(f"{seed} slots"), Random(f"{seed} sends")
        self.blocks: Final = Blocks(self.seed, self._begin_ms // 1000)
        self.ledger: Final = Ledger()
        self.landed: Final[dict[str, Landed]] = {}
        """By signature: what is in a block of the fork that holds now."""
        self._by_slot: dict[int, list[str]] = {}
        self._pool: dict[str, Sent] = {}
        self._queue: list[tuple[int, int, str]] = []  # (due, number, signature); those of older entries are stale
        self._numbers = 0
        self._late: dict[str, int | None] = {}
        self.lost = 0
        """How many sends never arrived so far."""
        self.dropped = 0
        """How many transactions forks have taken out of their blocks so far."""

    @property
    def slot(self) -> int:
        """The last slot."""
        return self.blocks.slot

    @property
    def final_slot(self) -> int:
        """The last slot that no fork can drop."""
        return max(FIRST_SLOT, self.slot - self.rules.finalized)

    def advance(self) -> None:
        """Make the blocks that are due by now."""
        due = FIRST_SLOT + (self._now_ms() - self._begin_ms) // self.rules.slot_ms
        while self.blocks.slot < due:
            self._next()

    def receive(self, transaction: VersionedTransaction, *, surely: bool = False) -> None:
        """Take a sent transaction into the pool, if it gets there and its blockhash is one of this fork."""
        signature = str(transaction.signatures[0])
        born = self.blocks.height_of(bytes(transaction.message.recent_blockhash))
        chance, rules = self._sends, self.rules
        # Always as many draws, so that what befalls one send does not hang on another's fate.
        lost, delay = chance.random() < rules.loss, chance.randint(*rules.delay)
        if born is None:
            return
        height = self.blocks.upto(self.slot).height
        last = born + rules.window
        if signature not in self._late:
            # Held back however often it is sent: a landing that nobody hopes for any more.
            late = chance.random() < rules.late
            self._late[signature] = (
                (last if chance.random() < 1 / 3 else chance.randint(born + 1, last)) if late else None
            )
        held_until = self._late[signature]
        if lost and not surely:
            self.lost += 1
        else:
            self._wait(Sent(transaction, signature, height + delay if held_until is None else held_until))

    def drop(self, slots: int) -> None:
        """Have another fork win, which drops the blocks of the last slots, unless they are finalized."""
        last = max(self.final_slot, self.slot - slots)
        self.blocks.drop(last)
        self.ledger.undo(last)
        height = self.blocks.upto(last).height
        for slot in [slot for slot in reversed(self._by_slot) if slot > last]:
            for signature in self._by_slot.pop(slot):
                gone = self.landed.pop(signature)
                self.dropped += 1
                transaction = VersionedTransaction.from_bytes(gone.transaction)
                born = self.blocks.height_of(bytes(transaction.message.recent_blockhash))
                if born is None or self._sends.random() >= self.rules.returns:
                    continue
                # At once or much later: it was as good as gone.
                due = self._sends.randint(height + 1, max(height + 1, born + self.rules.window))
                self._wait(Sent(transaction, signature, due))

    def final(self) -> list[Landed]:
        """Give all that has landed for good, in the order of its landing."""
        return [found for found in self.landed.values() if found.slot <= self.final_slot]

    def put(self, address: str, owner: str, data: bytes, lamports: int | None = None) -> None:
        """Set an account for good, as if it had always been; by default with just the lamports that it needs."""
        if lamports is None:
            lamports = self.ledger.svm.minimum_balance_for_rent_exemption(len(data))
        self.ledger.put(Pubkey.from_string(address), Account(lamports, data, Pubkey.from_string(owner)))

    def valid(self, transaction: VersionedTransaction, block: Block) -> bool:
        """Say whether a transaction's blockhash is known, and still good, as of a block."""
        born = self.blocks.height_of(bytes(transaction.message.recent_blockhash))
        return born is not None and born <= block.height <= born + self.rules.window

    def _wait(self, sent: Sent) -> None:
        waiting = self._pool.get(sent.signature)
        if waiting is None or sent.due < waiting.due:
            self._pool[sent.signature] = sent
            self._numbers += 1
            heappush(self._queue, (sent.due, self._numbers, sent.signature))

    def _next(self) -> None:
        chance, rules = self._slots, self.rules
        slot = self.blocks.begin()
        forks, skips, fee = chance.random() < rules.forks, chance.random() < rules.skipped, chance.randint(0, rules.fee)
        if forks:
            self.drop(1 + chance.randint(1, rules.fork_slots))
        if skips:
            return
        ms = self._begin_ms + (slot - FIRST_SLOT) * rules.slot_ms
        block = self.blocks.make(ms // 1000, fee)
        while self._queue and self._queue[0][0] <= block.height:
            due, _, signature = heappop(self._queue)
            sent = self._pool.get(signature)
            if sent is not None and sent.due == due:
                del self._pool[signature]
                self._include(block, sent)

    def _include(self, block: Block, sent: Sent) -> None:
        if sent.signature in self.landed or not self.valid(sent.transaction, block):
            return
        keys = self.ledger.keys(sent.transaction.message, block)
        landed = keys and self.ledger.run(sent.transaction, keys, block)
        if landed:
            self.landed[sent.signature] = landed
            self._by_slot.setdefault(block.slot, []).append(sent.signature)
