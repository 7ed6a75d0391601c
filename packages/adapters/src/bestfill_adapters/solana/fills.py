"""What a landed swap really moved, from the balances before and after it."""

from collections.abc import Collection, Sequence

from bestfill.errors import ExecutionError, NetworkUnavailable
from bestfill.quote import Fill
from bestfill.units import U64_MAX, BaseUnits
from bestfill_adapters.solana.checking import read_swaps
from bestfill_adapters.solana.derive import token_account
from bestfill_adapters.solana.frame import NATIVE_MINT, is_frame
from bestfill_adapters.solana.market import Market, Trader
from bestfill_adapters.solana.rpc.answers import Executed, TokenBalance
from bestfill_adapters.solana.transaction import Message, read_message, split


def fill_of(executed: Executed, transaction: bytes, markets: Collection[Market]) -> Fill:
    """Give what a transaction took from its payer's input and added to its output.

    Of a token that is the change of what the payer's accounts of its mint hold. Of SOL it is the change of the lamports
    of the payer and its token accounts in this transaction, so that rent and wrapping cancel out, the fee left aside.

    Args:
        executed: what a node says of it.
        transaction: the stored bytes; whose swap it is, and of what, is read from them alone.
        markets: all that such a transaction may have been made for.

    Raises:
        NetworkUnavailable: the answer does not add up, so it tells nothing; or the bytes are not such a swap.
    """
    try:
        message = read_message(split(transaction)[1])
        swaps = read_swaps([i for i in message.instructions if not is_frame(i)], markets)
    except ExecutionError as error:
        raise NetworkUnavailable(f"the stored transaction can't be read as a swap: {error.reason}") from error
    traders = {swap.call.trader for swap in swaps}
    trader = traders.pop() if len(traders) == 1 else None
    if trader is None or trader.wallet != message.payer:
        raise NetworkUnavailable("the stored transaction is not one trade of its payer's")
    _check(executed, transaction, message)
    return Fill(
        amount_in=_amount(-_change(executed, message, trader, trader.source)),
        amount_out=_amount(_change(executed, message, trader, trader.destination)),
    )


def _check(executed: Executed, transaction: bytes, message: Message) -> None:
    keys, before, after = message.keys, executed.before, executed.after
    balances = (*executed.tokens_before, *executed.tokens_after)
    if executed.transaction != transaction:
        raise NetworkUnavailable("the node tells of another transaction than it was asked for")
    if executed.error is not None:
        raise NetworkUnavailable("the node says both that the transaction failed and that it succeeded")
    if not len(before) == len(after) == len(keys):
        raise NetworkUnavailable("the node's balances are not of the transaction's accounts")
    if any(not 0 <= n <= U64_MAX for n in (*before, *after, *(b.amount for b in balances))) or executed.fee < 0:
        raise NetworkUnavailable("the node tells of a balance that can't be")
    if sum(before) != sum(after) + executed.fee:
        raise NetworkUnavailable("the node's balances do not add up: lamports came or went")
    for side in (executed.tokens_before, executed.tokens_after):
        places = [balance.account_index for balance in side]
        if len(set(places)) != len(places) or not all(0 <= place < len(keys) for place in places):
            raise NetworkUnavailable("the node's token balances are not of the transaction's accounts")


def _change(executed: Executed, message: Message, trader: Trader, account: str) -> int:
    """Give by how much the wallet's holding of what an account of its is for has grown."""
    if account == token_account(trader.wallet, NATIVE_MINT):
        own = {message.keys.index(a) for a in (trader.wallet, trader.source, trader.destination)}
        return sum(executed.after[n] - executed.before[n] for n in own) + executed.fee
    place = message.keys.index(account)
    told = [b for b in (*executed.tokens_before, *executed.tokens_after) if b.account_index == place]
    # Owner and mint are the node's word, but no others give this address.
    if not told or any(_associated(b) != account for b in told):
        raise NetworkUnavailable("the node does not tell what the wallet's token account holds")
    mint = told[0].mint
    return _held(executed.tokens_after, trader.wallet, mint) - _held(executed.tokens_before, trader.wallet, mint)


def _associated(balance: TokenBalance) -> str | None:
    try:
        return token_account(balance.owner, balance.mint)
    except ValueError:
        return None


def _held(balances: Sequence[TokenBalance], wallet: str, mint: str) -> int:
    return sum(b.amount for b in balances if (b.owner, b.mint) == (wallet, mint))


def _amount(change: int) -> BaseUnits:
    if not 0 <= change <= U64_MAX:
        raise NetworkUnavailable("the node's balances do not add up: the swap went the wrong way")
    return BaseUnits(change)
