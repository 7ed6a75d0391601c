"""Transactions as bytes: messages compiled and read back, signatures put in front.

Version 0 without lookup tables, so that the bytes alone say all that a transaction does.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from attrs import frozen
from solders.hash import Hash, ParseHashError
from solders.instruction import AccountMeta
from solders.instruction import Instruction as Compilable
from solders.message import CompileError, MessageV0, from_bytes_versioned, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature as Ed25519
from solders.transaction import SanitizeError

from bestfill.errors import ExecutionError
from bestfill.units import Signature, base58_encode
from bestfill_adapters.solana.market import Instruction, Meta

TRANSACTION_MAX_BYTES: Final = 1_232
"""What the network takes: an IPv6 packet of 1,280 bytes less its headers."""

_SIGNATURE_BYTES: Final = 64
_V0: Final = 0x80


@frozen(kw_only=True)
class Message:
    """A message as read back.

    The first `signers` of its `keys` must sign; the first of all pays the fees. The flags of an instruction's accounts
    are those that the account has in the whole transaction, so they may be more than the instruction asks for.
    """

    keys: tuple[str, ...]
    signers: int
    blockhash: str
    instructions: tuple[Instruction, ...]

    @property
    def payer(self) -> str:
        """The account that pays the fees."""
        return self.keys[0]

    @property
    def cosigners(self) -> tuple[str, ...]:
        """Who else must sign."""
        return self.keys[1 : self.signers]


def compile_message(payer: str, instructions: Sequence[Instruction], blockhash: str) -> bytes:
    """Write a message; the same one always gives the same bytes.

    Raises:
        ExecutionError: an address or the blockhash is none, or the signed transaction would be too long.
    """
    try:
        compiled = MessageV0.try_compile(
            Pubkey.from_string(payer), [_compilable(i) for i in instructions], [], Hash.from_string(blockhash)
        )
    except (ValueError, ParseHashError, CompileError) as error:
        raise ExecutionError("the transaction can't be built: an address or the blockhash in it is none") from error
    message = to_bytes_versioned(compiled)
    check_size(message, compiled.header.num_required_signatures)
    return message


def check_size(message: bytes, signers: int) -> None:
    """See that a message fits a transaction when it is signed.

    Raises:
        ExecutionError: it does not; says by how much.
    """
    size = 1 + signers * _SIGNATURE_BYTES + len(message)
    if size > TRANSACTION_MAX_BYTES:
        raise ExecutionError(f"the transaction would have {size} bytes, but the chain takes {TRANSACTION_MAX_BYTES}")


@lru_cache(maxsize=256)  # a message is read when it is checked, signed, and again for its fee and fill
def read_message(message: bytes) -> Message:
    """Read a message.

    Raises:
        ExecutionError: the bytes are not a whole message of version 0 in its only form, or it uses lookup tables.
    """
    if not message or message[0] != _V0:
        raise ExecutionError("the transaction is not of version 0")
    try:
        read = from_bytes_versioned(message)
        if not isinstance(read, MessageV0):
            raise ExecutionError("the transaction is not of version 0")
        read.sanitize()
    except (ValueError, SanitizeError) as error:
        raise ExecutionError("the bytes are not a transaction") from error
    if to_bytes_versioned(read) != message:  # the parser leaves bytes after the end unread
        raise ExecutionError("the bytes are more than a transaction")
    if read.address_table_lookups:
        raise ExecutionError("the transaction uses lookup tables, so its bytes do not say what it does")
    keys = tuple(str(key) for key in read.account_keys)
    if len(set(keys)) != len(keys):
        raise ExecutionError("the transaction names an account twice")
    metas = _metas(keys, read)
    return Message(
        keys=keys,
        signers=read.header.num_required_signatures,
        blockhash=str(read.recent_blockhash),
        instructions=tuple(
            Instruction(program=keys[i.program_id_index], accounts=tuple(metas[n] for n in i.accounts), data=i.data)
            for i in read.instructions
        ),
    )


def assemble(message: bytes, signatures: Mapping[str, bytes]) -> bytes:
    """Put the signatures, given by their signers' addresses, in front of a message.

    Raises:
        ExecutionError: one is missing, is too many, or is not that signer's of this message.
    """
    read = read_message(message)
    signers = read.keys[: read.signers]
    if set(signatures) != set(signers):
        raise ExecutionError("the signatures are not by exactly those who must sign the transaction")
    for signer in signers:
        signature = signatures[signer]
        if len(signature) != _SIGNATURE_BYTES or not _is_signed(message, signature, signer):
            raise ExecutionError(f"a signature by {signer} is not of this transaction")
    check_size(message, read.signers)
    return bytes([read.signers]) + b"".join(signatures[signer] for signer in signers) + message


def unsigned(message: bytes) -> bytes:
    """Give a transaction without its signatures, as it can be simulated.

    Raises:
        ExecutionError: the bytes are not a message.
    """
    count = read_message(message).signers
    return bytes([count]) + bytes(count * _SIGNATURE_BYTES) + message


def split(transaction: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """Part a transaction into its signatures and its message; whether they fit each other is not looked at.

    Raises:
        ExecutionError: the bytes are not a transaction.
    """
    count = transaction[0] if transaction else 0
    start = 1 + count * _SIGNATURE_BYTES
    message = transaction[start:]
    if read_message(message).signers != count:
        raise ExecutionError("the bytes are not a signed transaction")
    return tuple(transaction[n : n + _SIGNATURE_BYTES] for n in range(1, start, _SIGNATURE_BYTES)), message


def signature_of(transaction: bytes) -> Signature:
    """Give a transaction's signature: the first, which is its fee payer's.

    Raises:
        ExecutionError: the bytes are not a transaction.
    """
    return Signature(base58_encode(split(transaction)[0][0]))


def _compilable(instruction: Instruction) -> Compilable:
    metas = [AccountMeta(Pubkey.from_string(m.address), m.signer, m.writable) for m in instruction.accounts]
    return Compilable(Pubkey.from_string(instruction.program), instruction.data, metas)


def _metas(keys: tuple[str, ...], read: MessageV0) -> list[Meta]:
    header = read.header
    signers, plain = header.num_required_signatures, len(keys) - header.num_readonly_unsigned_accounts
    locked = signers - header.num_readonly_signed_accounts
    return [
        Meta(key, writable=n < locked if n < signers else n < plain, signer=n < signers) for n, key in enumerate(keys)
    ]


def _is_signed(message: bytes, signature: bytes, signer: str) -> bool:
    return Ed25519.from_bytes(signature).verify(Pubkey.from_string(signer), message)
