"""The last look before anything is signed: what a message's bytes say is held against the plan.

Nothing that made the message is believed here, venues and their payloads least. Every instruction has its place: what
is not expected there is refused, whatever it does.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

from bestfill.errors import ExecutionError
from bestfill.quote import Leg, SwapPlan
from bestfill_adapters.solana.account import SPL_TOKEN, Refused
from bestfill_adapters.solana.derive import ATA_PROGRAM, token_account
from bestfill_adapters.solana.fees import UNITS_MAX, priority_lamports, read_budget
from bestfill_adapters.solana.frame import (
    COMPUTE_BUDGET,
    MEMO,
    NATIVE_MINT,
    SYSTEM,
    check_plan,
    closing,
    opening,
    token_accounts,
)
from bestfill_adapters.solana.legs import LegTerms, decode_leg
from bestfill_adapters.solana.market import Instruction, Market, SwapCall, Trader
from bestfill_adapters.solana.transaction import Message, check_size, read_message

_KINDS: Final = {
    COMPUTE_BUDGET: "a compute budget instruction",
    SYSTEM: "an instruction of the system program",
    ATA_PROGRAM: "the creation of a token account",
    MEMO: "a memo",
}
_TOKEN_KINDS: Final = {3: "transfer", 4: "approve", 5: "revoke", 6: "set-authority", 8: "burn", 9: "close-account"}


@frozen
class ReadSwap:
    """A swap as read back: of which market, what it says, and its instructions."""

    market: Market
    call: SwapCall
    instructions: tuple[Instruction, ...]


def check(
    message: bytes,
    plan: SwapPlan,
    *,
    wallet: str,
    markets: Mapping[str, Market],
    cosigners: Collection[str] = (),
    blockhash: str,
    max_priority_fee: int,
) -> None:
    """Hold a message against the plan that it is to fulfil.

    Args:
        message: the bytes that are to be signed.
        plan: what is to be done.
        wallet: whose swap it is, and who pays the fees.
        markets: by name.
        cosigners: who else may have to sign for a swap.
        blockhash: the one by which the transaction's death will be proven.
        max_priority_fee: in lamports.

    Raises:
        ExecutionError: the message does anything else than the plan, or not all of it; the reason says what.
    """
    check_plan(plan)
    read = read_message(message)
    check_size(message, read.signers)
    if read.payer != wallet:
        raise ExecutionError("the transaction's fees are not paid by the wallet")
    if read.blockhash != blockhash:
        raise ExecutionError("the transaction is dated by another blockhash than it should be")
    _check_budget(read, max_priority_fee)
    instructions = _swaps_of(read, plan, wallet)
    terms = [decode_leg(leg.payload) for leg in plan.route]
    names = dict.fromkeys(told.market for told in terms)
    swaps = read_swaps(instructions, [markets[name] for name in names if name in markets])
    if len(swaps) != len(plan.route):
        raise ExecutionError(f"the transaction swaps {len(swaps)} times, but the plan has {len(plan.route)} legs")
    source, destination = token_accounts(plan, wallet)
    trader = Trader(wallet=wallet, source=source, destination=destination)
    for swap, leg, told in zip(swaps, plan.route, terms, strict=True):
        _check_swap(swap, leg, told, trader)
    _check_accounts(read, wallet, cosigners)


def read_swaps(instructions: Sequence[Instruction], markets: Iterable[Market]) -> list[ReadSwap]:
    """Read instructions as swaps of these markets, one after the other, and as nothing else.

    Raises:
        ExecutionError: they are not.
    """
    rest, markets, swaps = tuple(instructions), tuple(markets), list[ReadSwap]()
    while rest:
        swap = next(_readings(rest, markets), None)
        if swap is None:
            raise ExecutionError(f"the transaction has {describe(rest[0])} where a swap should be")
        swaps.append(swap)
        rest = rest[len(swap.instructions) :]
    return swaps


def describe(instruction: Instruction) -> str:
    """Say for people what kind of instruction one is."""
    if instruction.program == SPL_TOKEN and instruction.data:
        kind = _TOKEN_KINDS.get(instruction.data[0])
        return f"a token {kind} instruction" if kind else "an instruction of the token program"
    return _KINDS.get(instruction.program, f"a call of {instruction.program}")


def _readings(instructions: tuple[Instruction, ...], markets: Iterable[Market]) -> Iterator[ReadSwap]:
    """Try ever more of the first instructions as a swap; the part of a swap is none."""
    for count in range(1, len(instructions) + 1):
        first = instructions[:count]
        for market in markets:
            try:
                yield ReadSwap(market, market.read_swap(first), first)
            except Refused:
                continue


def _check_budget(read: Message, max_priority_fee: int) -> None:
    limit, price = read_budget(read.instructions)
    if not 0 < limit <= UNITS_MAX:
        raise ExecutionError(f"the transaction's compute limit of {limit} units is not from 1 to {UNITS_MAX}")
    fee = priority_lamports(limit, price)
    if fee > max_priority_fee:
        raise ExecutionError(f"the transaction's priority fee of {fee} lamports is above the cap of {max_priority_fee}")


def _swaps_of(read: Message, plan: SwapPlan, wallet: str) -> tuple[Instruction, ...]:
    """Hold all around the swaps against what must be there, and give what is left: the swaps."""
    found = read.instructions
    # The one choice that the plan leaves open is whether the account of the output has to be created.
    place = 3 if plan.input_mint == NATIVE_MINT else 2
    creates_output = len(found) > place and found[place].program == ATA_PROGRAM
    before, after = opening(plan, wallet, creates_output=creates_output), closing(plan, wallet)
    start, end = 2 + len(before), len(found) - len(after)
    if end < start:
        raise ExecutionError("the transaction has fewer instructions than the plan needs")
    for actual, expected in zip(found[2:start] + found[end:], before + after, strict=True):
        _hold(actual, expected)
    return found[start:end]


def _hold(actual: Instruction, expected: Instruction) -> None:
    if actual.program != expected.program or (actual.program == SPL_TOKEN and actual.data[:1] != expected.data[:1]):
        raise ExecutionError(f"the transaction has {describe(actual)} where {describe(expected)} should be")
    if [a.address for a in actual.accounts] != [e.address for e in expected.accounts]:
        raise ExecutionError(f"the transaction has {describe(expected)} with other accounts than the plan needs")
    if actual.data != expected.data:
        raise ExecutionError(f"the transaction has {describe(expected)} that says something else than the plan")
    pairs = zip(actual.accounts, expected.accounts, strict=True)
    if any(e.writable > a.writable or e.signer > a.signer for a, e in pairs):
        raise ExecutionError(f"the transaction has {describe(expected)} that lacks a signer or may not write")


def _check_swap(swap: ReadSwap, leg: Leg, terms: LegTerms, trader: Trader) -> None:
    call = swap.call
    if (swap.market.name, call.pool) != (terms.market, terms.pool):
        raise ExecutionError("a swap is in another pool than its leg")
    if call.trader != trader:
        raise ExecutionError(
            "a swap is not between the wallet's own accounts: it is by "
            f"{call.trader.wallet}, from {call.trader.source} to {call.trader.destination}"
        )
    if call.input_mint not in {None, leg.input_mint} or call.output_mint not in {None, leg.output_mint}:
        raise ExecutionError("a swap is of another pair than its leg")
    if call.amount_in != leg.amount_in:
        raise ExecutionError(f"a swap takes {call.amount_in} base units instead of {leg.amount_in}")
    if call.min_out < leg.min_out:
        raise ExecutionError(f"a swap may pay {call.min_out} base units, less than its bound of {leg.min_out}")
    # A swap signed by the wallet could reach any of its accounts: it gets to see those that it needs, once each.
    seen = Counter(meta.address for i in swap.instructions for meta in i.accounts)
    own = (trader.wallet, trader.source, trader.destination)
    if any(seen[account] != 1 for account in own) or (
        (native := token_account(trader.wallet, NATIVE_MINT)) not in own and native in seen
    ):
        raise ExecutionError("a swap uses the wallet's accounts for more than to take its input and pay its output")


def _check_accounts(read: Message, wallet: str, cosigners: Collection[str]) -> None:
    if not set(read.keys[: read.signers]) <= {wallet, *cosigners}:
        raise ExecutionError("the transaction must be signed by others than the wallet and its swaps' cosigners")
    used = {address for i in read.instructions for address in (i.program, *(meta.address for meta in i.accounts))}
    if set(read.keys) != used:
        raise ExecutionError("the transaction names accounts that none of its instructions uses")
