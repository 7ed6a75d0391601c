"""Who gives SOL away: a wallet whose transfers land like all others, but are never lost."""

from typing import Final

from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from tools.cluster.blocks import Block
from tools.cluster.params import invalid

MOST_LAMPORTS: Final = 10_000 * 10**9

_MEMO: Final = Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")


class Faucet:
    """Makes the transfers of one wallet, no two of them alike."""

    def __init__(self, keypair: Keypair) -> None:
        self.keypair: Final = keypair
        self._paid = 0

    def pay(self, address: Pubkey, lamports: int, block: Block) -> VersionedTransaction:
        """Make a transfer, dated by a block.

        Raises:
            RpcError: it is more than is given at once.
        """
        if not 0 < lamports <= MOST_LAMPORTS:
            raise invalid(f"Invalid request: an airdrop is of 1 to {MOST_LAMPORTS} lamports")
        self._paid += 1
        own = self.keypair.pubkey()
        instructions = [
            transfer(TransferParams(from_pubkey=own, to_pubkey=address, lamports=lamports)),
            Instruction(_MEMO, f"airdrop {self._paid}".encode(), []),
        ]
        message = MessageV0.try_compile(own, instructions, [], Hash(block.blockhash))
        return VersionedTransaction(message, [self.keypair])
