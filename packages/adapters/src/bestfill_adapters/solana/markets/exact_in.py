"""Swap instructions of the plainest form: a discriminator, the exact input, and the least output."""

from collections.abc import Sequence

from bestfill.units import U64_MAX
from bestfill_adapters.solana.account import Refused
from bestfill_adapters.solana.derive import program_address, seed, token_account
from bestfill_adapters.solana.market import Instruction


def write(discriminator: bytes, amount_in: int, min_out: int) -> bytes:
    """Give an instruction's data.

    Raises:
        Refused: an amount is not 1 to 2**64 - 1 (`bad_amount`). A bound of 0 would let a program pay nothing.
    """
    if not (0 < amount_in <= U64_MAX and 0 < min_out <= U64_MAX):
        raise Refused("bad_amount", "an amount of the swap is not 1 to 2**64 - 1 base units")
    return discriminator + amount_in.to_bytes(8, "little") + min_out.to_bytes(8, "little")


def read(instructions: Sequence[Instruction], size: int) -> tuple[tuple[str, ...], int, int]:
    """Give the addresses of the one instruction's `size` accounts, its input and its least output.

    Whether it is the swap that has these is for `is_as` to say, when it is made anew.

    Raises:
        Refused: it can't be a swap (`not_a_swap`).
    """
    if len(instructions) != 1 or len(instructions[0].accounts) != size:
        raise not_a_swap()
    data = instructions[0].data
    amount_in, min_out = (int.from_bytes(data[begin : begin + 8], "little") for begin in (8, 16))
    if not amount_in or not min_out:
        raise not_a_swap()
    return tuple(meta.address for meta in instructions[0].accounts), amount_in, min_out


def is_as(found: Instruction, made: Instruction) -> bool:
    """Say whether one instruction does what another does.

    Its accounts may be writable or signers beyond what it asks for: read from a message, the flags are those that an
    account has in the whole transaction.
    """
    return (found.program, found.data, len(found.accounts)) == (made.program, made.data, len(made.accounts)) and all(
        one.address == other.address and one.writable >= other.writable and one.signer >= other.signer
        for one, other in zip(found.accounts, made.accounts, strict=True)
    )


def own_accounts(wallet: str, mints: Sequence[str]) -> dict[str, str]:
    """Give the mints by the wallet's accounts of them: what a swap that does not say its direction goes between.

    Raises:
        Refused: the wallet or a mint is no address (`not_a_swap`).
    """
    try:
        return {token_account(wallet, mint): mint for mint in mints}
    except ValueError:
        raise not_a_swap() from None


def pool_of_config(program: str, mints: tuple[str, str], config: str) -> str:
    """Give the address of a pool that follows from a config and two mints, the smaller first.

    Raises:
        Refused: there is no config (`not_derived`).
    """
    if not config:
        raise Refused("not_derived", "its address follows from a config too: give that, or the pool's address")
    return program_address(program, b"pool", seed(config), *sorted(map(seed, mints)))


def not_a_swap() -> Refused:
    """Give the refusal of instructions that are not what `swap` makes."""
    return Refused("not_a_swap", "an instruction is not the swap that it should be")
