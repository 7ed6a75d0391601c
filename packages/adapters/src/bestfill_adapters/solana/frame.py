"""What a transaction does around its swaps, and how the whole is put together.

In this order: limit and price of computation; creation of token accounts; wrapping of SOL; the legs' swaps, in the
route's order; unwrapping of SOL; a memo that says whose attempt it is, so that no two attempts have the same signature.
"""

from collections.abc import Collection, Mapping
from typing import Final

from bestfill.errors import ExecutionError
from bestfill.quote import Leg, SwapPlan
from bestfill.units import U64_MAX
from bestfill_adapters.solana.account import SPL_TOKEN, Refused
from bestfill_adapters.solana.derive import ATA_PROGRAM, token_account
from bestfill_adapters.solana.legs import decode_leg
from bestfill_adapters.solana.market import Instruction, Market, Meta, Trader
from bestfill_adapters.solana.transaction import compile_message

COMPUTE_BUDGET: Final = "ComputeBudget111111111111111111111111111111"
SYSTEM: Final = "11111111111111111111111111111111"
MEMO: Final = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"
NATIVE_MINT: Final = "So11111111111111111111111111111111111111112"
"""SOL as a token: its accounts hold as many base units as they hold lamports above their rent."""

SET_LIMIT: Final = b"\x02"
SET_PRICE: Final = b"\x03"
_TRANSFER: Final = bytes([2, 0, 0, 0])
_CREATE_IDEMPOTENT: Final = b"\x01"
_CLOSE: Final = b"\x09"
_SYNC_NATIVE: Final = b"\x11"


def build(
    plan: SwapPlan,
    *,
    wallet: str,
    markets: Mapping[str, Market],
    existing: Collection[str],
    blockhash: str,
    compute_limit: int,
    compute_price: int,
) -> bytes:
    """Make the message of a plan's transaction, to be signed by the wallet, which pays the fees, and by cosigners.

    Args:
        plan: what is to be done; its legs' payloads are `legs.LegTerms`.
        wallet: whose swap it is.
        markets: by name.
        existing: those of `token_accounts(plan, wallet)` that exist.
        blockhash: what dates the transaction.
        compute_limit: in compute units.
        compute_price: in micro-lamports a compute unit.

    Raises:
        ExecutionError: the plan is not one trade that its legs make up, a payload is not for these markets, the wallet
            has no account of the input, or the transaction is too long.
    """
    check_plan(plan)
    source, destination = token_accounts(plan, wallet)
    if plan.input_mint != NATIVE_MINT and source not in existing:
        raise ExecutionError(f"the wallet has no token account of {plan.input_mint}, so it has nothing to swap")
    trader = Trader(wallet=wallet, source=source, destination=destination)
    instructions = [
        limit(compute_limit),
        price(compute_price),
        *opening(plan, wallet, creates_output=destination not in existing),
        *(instruction for leg in plan.route for instruction in _swap(leg, trader, markets)),
        *closing(plan, wallet),
    ]
    return compile_message(wallet, instructions, blockhash)


def check_plan(plan: SwapPlan) -> None:
    """See that a plan is one trade that its legs make up.

    Raises:
        ExecutionError: it is not.
    """
    if not plan.route or plan.input_mint == plan.output_mint:
        raise ExecutionError("the plan trades nothing")
    if any((leg.input_mint, leg.output_mint) != (plan.input_mint, plan.output_mint) for leg in plan.route):
        raise ExecutionError("a leg is for another pair than its plan")
    amounts = [plan.amount_in, plan.min_out, *(n for leg in plan.route for n in (leg.amount_in, leg.min_out))]
    if any(type(n) is not int or not 0 < n <= U64_MAX for n in amounts):
        raise ExecutionError("an amount of the plan is not 1 to 2**64 - 1 base units")
    if sum(leg.amount_in for leg in plan.route) != plan.amount_in:
        raise ExecutionError("the legs do not take exactly the plan's amount")
    if sum(leg.min_out for leg in plan.route) < plan.min_out:
        raise ExecutionError("the legs may pay less than the plan's bound")


def token_accounts(plan: SwapPlan, wallet: str) -> tuple[str, str]:
    """Give the wallet's accounts of the plan's input and output.

    Raises:
        ExecutionError: a mint or the wallet is no address.
    """
    try:
        return token_account(wallet, plan.input_mint), token_account(wallet, plan.output_mint)
    except ValueError as error:
        raise ExecutionError("a mint of the plan, or the wallet, is no address") from error


def limit(units: int) -> Instruction:
    """Limit the transaction's computation, in compute units."""
    return Instruction(program=COMPUTE_BUDGET, accounts=(), data=SET_LIMIT + _number(units, 4))


def price(micro_lamports: int) -> Instruction:
    """Offer a price of computation, in micro-lamports a compute unit."""
    return Instruction(program=COMPUTE_BUDGET, accounts=(), data=SET_PRICE + _number(micro_lamports, 8))


def opening(plan: SwapPlan, wallet: str, *, creates_output: bool) -> tuple[Instruction, ...]:
    """Make what a plan needs before its swaps; an account of wrapped SOL is always created if it is missing."""
    instructions = list[Instruction]()
    if plan.input_mint == NATIVE_MINT:
        instructions.append(create_account(wallet, plan.input_mint))
    if plan.output_mint == NATIVE_MINT or creates_output:
        instructions.append(create_account(wallet, plan.output_mint))
    if plan.input_mint == NATIVE_MINT:
        instructions += wrap(wallet, plan.amount_in)
    return tuple(instructions)


def closing(plan: SwapPlan, wallet: str) -> tuple[Instruction, ...]:
    """Make what a plan needs after its swaps."""
    last = memo(f"{plan.order_id}/{plan.attempt}")
    return (unwrap(wallet), last) if NATIVE_MINT in {plan.input_mint, plan.output_mint} else (last,)


def create_account(wallet: str, mint: str) -> Instruction:
    """Create the wallet's account of a mint, at its cost, unless it exists."""
    accounts = (
        Meta(wallet, writable=True, signer=True),
        Meta(token_account(wallet, mint), writable=True),
        Meta(wallet),
        Meta(mint),
        Meta(SYSTEM),
        Meta(SPL_TOKEN),
    )
    return Instruction(program=ATA_PROGRAM, accounts=accounts, data=_CREATE_IDEMPOTENT)


def wrap(wallet: str, lamports: int) -> tuple[Instruction, Instruction]:
    """Turn SOL of the wallet into wrapped SOL: lamports moved, then counted as tokens."""
    account = Meta(token_account(wallet, NATIVE_MINT), writable=True)
    payer = Meta(wallet, writable=True, signer=True)
    return (
        Instruction(program=SYSTEM, accounts=(payer, account), data=_TRANSFER + _number(lamports, 8)),
        Instruction(program=SPL_TOKEN, accounts=(account,), data=_SYNC_NATIVE),
    )


def unwrap(wallet: str) -> Instruction:
    """Close the wallet's account of wrapped SOL: all that it holds, its rent too, becomes the wallet's SOL."""
    accounts = (
        Meta(token_account(wallet, NATIVE_MINT), writable=True),
        Meta(wallet, writable=True),
        Meta(wallet, signer=True),
    )
    return Instruction(program=SPL_TOKEN, accounts=accounts, data=_CLOSE)


def memo(text: str) -> Instruction:
    """Leave a text on the chain."""
    return Instruction(program=MEMO, accounts=(), data=text.encode())


def is_frame(instruction: Instruction) -> bool:
    """Say whether an instruction is of a kind that stands around the swaps, and in none."""
    if instruction.program == SPL_TOKEN:
        return instruction.data in {_CLOSE, _SYNC_NATIVE}
    return instruction.program in {COMPUTE_BUDGET, ATA_PROGRAM, SYSTEM, MEMO}


def _swap(leg: Leg, trader: Trader, markets: Mapping[str, Market]) -> tuple[Instruction, ...]:
    terms = decode_leg(leg.payload)
    market = markets.get(terms.market)
    if market is None:
        raise ExecutionError(f"there is no market {terms.market} here")
    try:
        return market.swap(terms.terms, trader, leg.amount_in, leg.min_out, forward=terms.forward)
    except Refused as refused:
        raise ExecutionError(f"{terms.market} can't build the swap: {refused.reason}") from refused


def _number(value: int, size: int) -> bytes:
    if not 0 <= value < 1 << 8 * size:
        raise ExecutionError(f"{value} does not fit {size} bytes of an instruction")
    return value.to_bytes(size, "little")
