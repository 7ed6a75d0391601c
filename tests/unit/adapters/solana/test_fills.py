"""Swaps that run on a chain in memory move what their fills say, cost what was computed, and leave nothing behind."""

from collections.abc import Callable

import pytest
from attrs import evolve

from bestfill.errors import NetworkUnavailable
from bestfill.quote import Fill, SwapPlan
from bestfill.units import Mint
from bestfill_adapters.solana.derive import token_account
from bestfill_adapters.solana.fees import fee_lamports
from bestfill_adapters.solana.fills import fill_of
from bestfill_adapters.solana.frame import memo, token_accounts
from bestfill_adapters.solana.legs import LegTerms, encode_leg
from bestfill_adapters.solana.markets.transfer_pool import TransferPool, TransferPoolEntry
from bestfill_adapters.solana.rpc.answers import Executed, TokenBalance
from bestfill_adapters.solana.signer import KeypairSigner
from bestfill_adapters.solana.transaction import assemble, compile_message, read_message
from tests.unit.adapters.solana.litesvm import RENT, Chain
from tests.unit.adapters.solana.toys import (
    AUTHORITY,
    EUR,
    MARKETS,
    SOL,
    USD,
    WALLET,
    Transfers,
    address,
    built,
    checked,
    key,
    plan,
)

LAMPORTS = 10**9


def swapped(sold: Mint, bought: Mint) -> SwapPlan:
    return plan(sold, bought, (Transfers.name, 1_000_000, 640_000))


def chain_for(whole: SwapPlan, *, existing: bool = False, dust: int | None = None) -> Chain:
    """Fund the wallet and the pool; `dust` is what the wallet's account of wrapped SOL holds already."""
    chain = Chain(USD, EUR)
    chain.fund(WALLET, LAMPORTS)
    chain.give(AUTHORITY, whole.input_mint, 0, at=address(31))
    chain.give(AUTHORITY, whole.output_mint, 5_000_000, at=address(32))
    if whole.input_mint != SOL:
        chain.give(WALLET, whole.input_mint, 3_000_000)
    if existing and whole.output_mint != SOL:
        chain.give(WALLET, whole.output_mint, 77)
    if dust is not None:
        chain.give(WALLET, SOL, dust)
    return chain


def signed(message: bytes) -> bytes:
    signers = {WALLET: key(1), AUTHORITY: key(2)}
    return assemble(message, {a: bytes(signers[a].sign_message(message)) for a in _signers(message)})


def _signers(message: bytes) -> tuple[str, ...]:
    read = read_message(message)
    return read.keys[: read.signers]


def swap(whole: SwapPlan, chain: Chain) -> Executed:
    """Build, check, sign and run."""
    existing = [a for a in token_accounts(whole, WALLET) if chain.lamports(a)]
    message = built(whole, existing=existing, blockhash=chain.blockhash)
    checked(message, whole, blockhash=chain.blockhash)
    return chain.run(signed(message))


PAIRS = pytest.mark.parametrize(
    ("sold", "bought"), [(SOL, USD), (USD, SOL), (USD, EUR)], ids=["SOL in", "SOL out", "tokens"]
)


@PAIRS
@pytest.mark.parametrize("existing", [False, True], ids=["created", "existing"])
@pytest.mark.parametrize("dust", [None, 0, 123_456], ids=["no wSOL", "empty wSOL", "dusty wSOL"])
def test_a_swap_moves_its_fill_costs_its_fee_and_leaves_nothing_behind(
    sold: Mint, bought: Mint, existing: bool, dust: int | None
):
    whole = swapped(sold, bought)
    chain = chain_for(whole, existing=existing, dust=dust)
    source, destination = token_accounts(whole, WALLET)
    before = [chain.lamports(WALLET), chain.tokens(source), chain.tokens(destination)]
    executed = swap(whole, chain)
    assert executed.error is None
    assert fill_of(executed, executed.transaction, MARKETS.values()) == Fill(amount_in=1_000_000, amount_out=640_000)
    fee = fee_lamports(executed.transaction)
    assert executed.fee == fee == 2 * 5_000 + 2_000
    # SOL that lay wrapped is given back with the rent.
    lamports = -fee - RENT * (bought != SOL and not existing)
    if SOL in {sold, bought}:
        lamports += {sold: -1_000_000, bought: 640_000}[SOL] + (0 if dust is None else RENT + dust)
        assert chain.lamports(token_account(WALLET, SOL)) == 0
    assert chain.lamports(WALLET) - before[0] == lamports
    if sold != SOL:
        assert chain.tokens(source) - before[1] == -1_000_000
    if bought != SOL:
        assert chain.tokens(destination) - before[2] == 640_000


def test_a_pool_of_the_local_cluster_is_swapped_in_like_any_other():
    name = "transfer_pool"
    entry = TransferPoolEntry(cosigner=KeypairSigner(key(2)), mints=(SOL, USD), fee_bps=30)
    market = TransferPool(name, [entry])
    chain = Chain(USD)
    chain.fund(WALLET, LAMPORTS)
    for mint in (SOL, USD):
        chain.give(AUTHORITY, mint, 5_000_000)
    terms = LegTerms(market=name, pool=AUTHORITY, forward=True, terms=(AUTHORITY, SOL, USD, "9", "9", "640001"))
    whole = swapped(SOL, USD)
    whole = evolve(whole, route=(evolve(whole.route[0], payload=encode_leg(terms)),))
    message = built(whole, missing=True, blockhash=chain.blockhash, markets={name: market})
    checked(message, whole, blockhash=chain.blockhash, markets={name: market}, cosigners=market.cosigners)
    executed = chain.run(signed(message))
    assert fill_of(executed, executed.transaction, [market]) == Fill(amount_in=1_000_000, amount_out=640_001)
    assert chain.lamports(WALLET) == LAMPORTS - 1_000_000 - RENT - fee_lamports(executed.transaction)


def test_a_swap_that_fails_on_chain_moves_nothing_and_has_no_fill():
    whole = swapped(SOL, USD)
    chain = chain_for(whole)
    chain.give(AUTHORITY, USD, 639_999, at=address(32))
    executed = swap(whole, chain)
    assert executed.error is not None
    assert chain.lamports(WALLET) == LAMPORTS - fee_lamports(executed.transaction)
    with pytest.raises(NetworkUnavailable, match="failed"):
        fill_of(executed, executed.transaction, MARKETS.values())


def _more(numbers: tuple[int, ...], place: int, more: int) -> tuple[int, ...]:
    return (*numbers[:place], numbers[place] + more, *numbers[place + 1 :])


def _balances(told: tuple[TokenBalance, ...], **change: object) -> tuple[TokenBalance, ...]:
    return tuple(evolve(b, **change) if b.owner == WALLET else b for b in told)


@pytest.mark.parametrize(
    "bend",
    [
        lambda e: evolve(e, transaction=e.transaction[:1] + bytes([e.transaction[1] ^ 1]) + e.transaction[2:]),
        lambda e: evolve(e, transaction=b""),
        lambda e: evolve(e, error='"AccountInUse"'),
        lambda e: evolve(e, fee=e.fee + 1),
        lambda e: evolve(e, fee=-1, after=_more(e.after, 0, e.fee + 1)),
        lambda e: evolve(e, before=e.before[:-1]),
        lambda e: evolve(e, after=(*e.after, 0)),
        lambda e: evolve(e, before=(), after=(), fee=0),
        lambda e: evolve(e, after=_more(e.after, 0, 1)),
        lambda e: evolve(e, before=_more(e.before, 0, -1)),
        lambda e: evolve(e, before=_more(e.before, 3, 2**64), after=_more(e.after, 3, 2**64)),
        lambda e: evolve(e, before=_more(e.before, 3, -(2**64)), after=_more(e.after, 3, -(2**64))),
        lambda e: evolve(e, tokens_before=(), tokens_after=()),
        lambda e: evolve(e, tokens_after=(*e.tokens_after, e.tokens_after[0])),
        lambda e: evolve(e, tokens_after=_balances(e.tokens_after, account_index=len(e.before))),
        lambda e: evolve(e, tokens_after=_balances(e.tokens_after, account_index=-1)),
        lambda e: evolve(e, tokens_after=_balances(e.tokens_after, owner=AUTHORITY)),
        lambda e: evolve(e, tokens_after=_balances(e.tokens_after, mint=EUR)),
        lambda e: evolve(e, tokens_after=_balances(e.tokens_after, mint="x")),
        lambda e: evolve(
            e, tokens_before=_balances(e.tokens_before, mint=EUR), tokens_after=_balances(e.tokens_after, mint=EUR)
        ),
        lambda e: evolve(
            e, tokens_before=_balances(e.tokens_before, owner=EUR), tokens_after=_balances(e.tokens_after, owner=EUR)
        ),
        lambda e: evolve(e, tokens_after=_balances(e.tokens_after, amount=-1)),
        lambda e: evolve(e, tokens_after=_balances(e.tokens_after, amount=2**64)),
        lambda e: evolve(e, tokens_after=_balances(e.tokens_after, amount=76)),
        lambda e: evolve(e, before=e.after, after=e.before, fee=-e.fee),
    ],
)
def test_an_answer_that_does_not_add_up_is_not_believed(bend: Callable[[Executed], Executed]):
    whole = swapped(SOL, USD)
    executed = swap(whole, chain_for(whole, existing=True))
    assert fill_of(executed, executed.transaction, MARKETS.values())
    with pytest.raises(NetworkUnavailable):
        fill_of(bend(executed), executed.transaction, MARKETS.values())


def test_bytes_that_are_no_swap_have_no_fill():
    whole = swapped(SOL, USD)
    executed = swap(whole, chain_for(whole))
    for transaction in (b"", signed(compile_message(WALLET, [memo("x")], executed_blockhash(executed)))):
        with pytest.raises(NetworkUnavailable, match="stored transaction"):
            fill_of(executed, transaction, MARKETS.values())
    with pytest.raises(NetworkUnavailable, match="stored transaction"):
        fill_of(executed, executed.transaction, [])


def test_a_swap_that_somebody_else_pays_for_has_no_fill():
    whole = swapped(USD, EUR)
    chain = chain_for(whole, existing=True)
    chain.fund(AUTHORITY, LAMPORTS)
    instructions = read_message(built(whole)).instructions
    executed = chain.run(signed(compile_message(AUTHORITY, instructions, chain.blockhash)))
    assert executed.error is None
    with pytest.raises(NetworkUnavailable, match="payer"):
        fill_of(executed, executed.transaction, MARKETS.values())


def executed_blockhash(executed: Executed) -> str:
    return read_message(executed.transaction[129:]).blockhash
