"""Whether the wallet can pay for a swap, said before anything is built: a clearer word than a failed simulation's."""

from typing import Final

from bestfill.errors import ExecutionError
from bestfill.quote import SwapPlan
from bestfill_adapters.solana.account import SPL_TOKEN, TOKEN_ACCOUNT_BYTES, Account, Refused, checked
from bestfill_adapters.solana.frame import NATIVE_MINT, SYSTEM
from bestfill_adapters.solana.rpc.answers import Accounts

_INITIALIZED: Final = 1


def holdings(plan: SwapPlan, wallet: str, source: str, destination: str, read: Accounts) -> frozenset[str]:
    """Give those of the wallet's two token accounts that exist.

    Raises:
        ExecutionError: one is not what it must be, or the wallet has less than the plan takes.
    """
    own = read.accounts.get(wallet)
    if own is None:
        raise ExecutionError(f"the wallet {wallet} has no SOL, so it can't pay for anything")
    if own.owner != SYSTEM or own.data:
        raise ExecutionError(f"{wallet} is a program's account, which can't pay for anything; use the key of a wallet")
    held = dict[str, int]()
    for address, mint in ((source, plan.input_mint), (destination, plan.output_mint)):
        account = read.accounts.get(address)
        # Anybody may send SOL to an address where no account is yet; one can be created there all the same.
        if account is not None and (account.owner != SYSTEM or account.data):
            held[address] = _held(account, wallet, mint)
    has = own.lamports if plan.input_mint == NATIVE_MINT else held.get(source, 0)
    if has < plan.amount_in:
        mint = plan.input_mint
        raise ExecutionError(f"the wallet has {has} base units of {mint}, and the order takes {plan.amount_in}")
    return frozenset(held)


def _held(account: Account, wallet: str, mint: str) -> int:
    try:
        checked(account, SPL_TOKEN, TOKEN_ACCOUNT_BYTES)
    except Refused as error:
        raise ExecutionError(f"the wallet's account of {mint} is no token account: {error.reason}") from error
    if (account.address(0), account.address(32)) != (mint, wallet) or len(account.data) != TOKEN_ACCOUNT_BYTES:
        raise ExecutionError(f"the wallet's account of {mint} is another's")
    if account.unsigned(108, 1) != _INITIALIZED:
        raise ExecutionError(f"the wallet's account of {mint} is frozen")
    return account.unsigned(64, 8)
