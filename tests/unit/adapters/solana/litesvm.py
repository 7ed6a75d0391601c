"""A chain in memory that runs transactions for real, and tells of them as a node does."""

from solders.account import Account
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import TransactionMetadata

from bestfill.units import base58_decode, base58_encode
from bestfill_adapters.solana.account import SPL_TOKEN
from bestfill_adapters.solana.derive import token_account
from bestfill_adapters.solana.frame import NATIVE_MINT
from bestfill_adapters.solana.rpc.answers import Executed, TokenBalance
from bestfill_adapters.solana.transaction import read_message, split

RENT = 2_039_280
"""Of a token account, in lamports."""


class Chain:
    """LiteSVM with the native mint, and made-up ones."""

    def __init__(self, *mints: str) -> None:
        self.svm = LiteSVM()
        for mint in (NATIVE_MINT, *mints):
            self._put(mint, 1_461_600, SPL_TOKEN, bytes(36) + (2**63).to_bytes(8, "little") + b"\x09\x01" + bytes(36))

    @property
    def blockhash(self) -> str:
        return str(self.svm.latest_blockhash())

    def fund(self, address: str, lamports: int) -> None:
        self.svm.airdrop(Pubkey.from_string(address), lamports)

    def give(self, owner: str, mint: str, amount: int, at: str | None = None) -> str:
        """Put a token account on the chain: the owner's own of that mint, unless its address is given."""
        account = at or token_account(owner, mint)
        native = mint == NATIVE_MINT
        data = base58_decode(mint) + base58_decode(owner) + amount.to_bytes(8, "little") + bytes(36) + b"\x01"
        data += (b"\x01\0\0\0" + RENT.to_bytes(8, "little") if native else bytes(12)) + bytes(44)
        self._put(account, RENT + amount * native, SPL_TOKEN, data)
        return account

    def lamports(self, address: str) -> int:
        return self.svm.get_balance(Pubkey.from_string(address)) or 0

    def tokens(self, account: str) -> int:
        found = self.svm.get_account(Pubkey.from_string(account))
        return int.from_bytes(found.data[64:72], "little") if found and found.lamports else 0

    def run(self, transaction: bytes) -> Executed:
        """Run a transaction, whether it succeeds or not."""
        keys = read_message(split(transaction)[1]).keys
        before, tokens_before = self._balances(keys)
        result = self.svm.send_transaction(VersionedTransaction.from_bytes(transaction))
        after, tokens_after = self._balances(keys)
        landed = isinstance(result, TransactionMetadata)
        return Executed(
            slot=1,
            transaction=transaction,
            error=None if landed else str(result.err()),
            fee=(result if landed else result.meta()).fee(),
            before=before,
            after=after,
            tokens_before=tokens_before,
            tokens_after=tokens_after,
        )

    def _balances(self, keys: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[TokenBalance, ...]]:
        tokens = list[TokenBalance]()
        for place, key in enumerate(keys):
            found = self.svm.get_account(Pubkey.from_string(key))
            if found and str(found.owner) == SPL_TOKEN and len(found.data) == 165:
                mint, owner = base58_encode(found.data[:32]), base58_encode(found.data[32:64])
                amount = int.from_bytes(found.data[64:72], "little")
                tokens.append(TokenBalance(account_index=place, mint=mint, owner=owner, amount=amount))
        return tuple(self.lamports(key) for key in keys), tuple(tokens)

    def _put(self, address: str, lamports: int, owner: str, data: bytes) -> None:
        self.svm.set_account(Pubkey.from_string(address), Account(lamports, data, Pubkey.from_string(owner)))
