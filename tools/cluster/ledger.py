"""The accounts over LiteSVM, as they are and as they were some slots ago: forks undo, and nodes lag."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from attrs import frozen
from solders.account import Account
from solders.clock import Clock
from solders.litesvm import LiteSVM
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata

from tools.cluster.blocks import Block
from tools.cluster.landed import AnyMessage, Landed, Result, error_of, held, inner_of, memo_of, metadata
from tools.cluster.rules import REMEMBERED

CLOCK: Final = Pubkey.from_string("SysvarC1ock11111111111111111111111111111111")
SLOTS_AN_EPOCH: Final = 432_000

_SYSVARS: Final = Pubkey.from_string("Sysvar1111111111111111111111111111111111111")
_LOOKUP_HEAD_BYTES: Final = 56
_NOWHERE: Final = Account(0, b"", Pubkey.default())


@frozen
class Keys:
    """A transaction's accounts: those of its message, then those of lookup tables, writable ones first."""

    keys: tuple[Pubkey, ...]
    writable: tuple[Pubkey, ...]
    loaded: tuple[int, int]


class Ledger:
    """Each changed account is kept with the slots of its changes, as long as anybody may look back so far."""

    def __init__(self) -> None:
        # Signatures, blockhashes and repetitions are the chain's business.
        self.svm: Final = (
            LiteSVM().with_sigverify(sigverify=False).with_blockhash_check(check=False).with_transaction_history(0)
        )
        self._versions: dict[Pubkey, list[tuple[int, Account | None]]] = {}
        self._changed: dict[int, set[Pubkey]] = {}
        self._programs: set[Pubkey] = set()
        self._decimals: dict[Pubkey, int] = {}

    def read(self, address: Pubkey, block: Block) -> Account | None:
        """Give an account as of a block."""
        if address == CLOCK:
            return Account(1_169_280, bytes(_clock_bytes(block)), _SYSVARS)
        versions = self._versions.get(address)
        if versions is None:
            return self.svm.get_account(address)
        # Of the oldest version all that is known is that it was before the next.
        return versions[max(0, bisect_right(versions, block.slot, key=_slot_of) - 1)][1]

    def put(self, address: Pubkey, account: Account) -> None:
        """Set an account for good: no fork undoes it, and every node has it at once."""
        self._versions.pop(address, None)
        self._programs.discard(address)
        self._decimals.pop(address, None)
        self.svm.set_account(address, account)

    def versions(self, address: Pubkey) -> list[int]:
        """Give the slots from which on an account was as it is known to have been."""
        return [slot for slot, _ in self._versions.get(address, [])]

    def decimals(self, mint: Pubkey) -> int:
        """Give the decimals of a mint, which never change."""
        if mint not in self._decimals:
            account = self.svm.get_account(mint)
            self._decimals[mint] = account.data[44] if account is not None else 0
        return self._decimals[mint]

    def run(self, transaction: VersionedTransaction, keys: Keys, block: Block) -> Landed | None:
        """Run a transaction in a block; None if it cannot even pay its fee, so that no block takes it."""
        svm = self.svm
        svm.set_clock(_clock(block))
        before = self._look(keys.keys)
        balances = [svm.get_balance(key) or 0 for key in keys.keys]
        result = svm.send_transaction(transaction)
        after = [svm.get_balance(key) or 0 for key in keys.keys]
        if isinstance(result, FailedTransactionMetadata) and after[0] == balances[0]:
            return None
        accounts = self._look(keys.keys)
        for key in keys.writable:
            if accounts.get(key) != before.get(key):
                self._keep(key, block.slot, before.get(key), accounts.get(key))
        meta = metadata(result)
        return Landed(
            signature=str(transaction.signatures[0]),
            slot=block.slot,
            height=block.height,
            unix_s=block.unix_s,
            transaction=bytes(transaction),
            keys=keys.keys,
            loaded=keys.loaded,
            error=error_of(result),
            fee=meta.fee(),
            units=meta.compute_units_consumed(),
            logs=tuple(meta.logs()),
            inner=inner_of(meta),
            before=tuple(balances),
            after=tuple(after),
            held_before=held(keys.keys, before),
            held_after=held(keys.keys, accounts),
            memo=memo_of(transaction.message),
        )

    def simulate(self, transaction: VersionedTransaction, keys: Keys, block: Block) -> Result:
        """Run a transaction upon the accounts as of a block, and leave no trace."""
        self.svm.set_clock(_clock(block))
        with self._as_of(keys.keys, block):
            return self.svm.simulate_transaction(transaction)

    def undo(self, last: int) -> None:
        """Take back all changes after a slot."""
        for slot in [slot for slot in self._changed if slot > last]:
            for key in self._changed.pop(slot):
                versions = self._versions.get(key, [])
                while versions and versions[-1][0] > last:
                    versions.pop()
                if versions:
                    self.svm.set_account(key, versions[-1][1] or _NOWHERE)

    def keys(self, message: AnyMessage, block: Block) -> Keys | None:
        """Give all accounts of a transaction; None if a lookup table is missing or too short."""
        own, header = message.account_keys, message.header
        signers = header.num_required_signatures
        writable = [
            *own[: signers - header.num_readonly_signed_accounts],
            *own[signers : len(own) - header.num_readonly_unsigned_accounts],
        ]
        more: tuple[list[Pubkey], list[Pubkey]] = [], []
        for lookup in message.address_table_lookups if isinstance(message, MessageV0) else ():
            table = self.read(lookup.account_key, block)
            for found, places in zip(more, (lookup.writable_indexes, lookup.readonly_indexes), strict=True):
                for place in bytes(places):
                    begin = _LOOKUP_HEAD_BYTES + 32 * place
                    if table is None or len(table.data) < begin + 32:
                        return None
                    found.append(Pubkey(table.data[begin : begin + 32]))
        return Keys((*own, *more[0], *more[1]), (*writable, *more[0]), (len(more[0]), len(more[1])))

    def _look(self, keys: Sequence[Pubkey]) -> dict[Pubkey, Account | None]:
        """Read accounts, but not the long and constant bytes of programs."""
        found: dict[Pubkey, Account | None] = {}
        for key in keys:
            if key not in self._programs:
                account = found[key] = self.svm.get_account(key)
                if account is not None and account.executable:
                    self._programs.add(key)
        return found

    def _keep(self, key: Pubkey, slot: int, before: Account | None, after: Account | None) -> None:
        versions = self._versions.setdefault(key, [(0, before)])
        if versions[-1][0] == slot:
            versions.pop()
        versions.append((slot, after))
        while len(versions) > 1 and versions[1][0] < slot - REMEMBERED:
            del versions[0]
        self._changed.setdefault(slot, set()).add(key)
        # The slots come in their order, but for those that were undone.
        for old in list(self._changed):
            if old >= slot - REMEMBERED:
                break
            del self._changed[old]

    @contextmanager
    def _as_of(self, keys: Sequence[Pubkey], block: Block) -> Iterator[None]:
        newer = [key for key in keys if key in self._versions and self._versions[key][-1][0] > block.slot]
        now = {key: self.svm.get_account(key) for key in newer}
        for key in newer:
            self.svm.set_account(key, self.read(key, block) or _NOWHERE)
        try:
            yield
        finally:
            for key, account in now.items():
                self.svm.set_account(key, account or _NOWHERE)


def _slot_of(version: tuple[int, Account | None]) -> int:
    return version[0]


def _clock(block: Block) -> Clock:
    epoch = block.slot // SLOTS_AN_EPOCH
    return Clock(block.slot, 0, epoch, epoch + 1, block.unix_s)


def _clock_bytes(block: Block) -> bytes:
    epoch = block.slot // SLOTS_AN_EPOCH
    return b"".join(number.to_bytes(8, "little") for number in (block.slot, 0, epoch, epoch + 1, block.unix_s))
