"""A pool of token transfers pays just what it quoted, and reads nothing else as its swap."""

import pytest
from attrs import evolve
from solders.keypair import Keypair

from bestfill.units import Mint
from bestfill_adapters.solana.account import SPL_TOKEN, Account, Refused, Snapshot
from bestfill_adapters.solana.derive import token_account
from bestfill_adapters.solana.market import Instruction, Meta, Trader
from bestfill_adapters.solana.markets.transfer_pool import TransferPool, TransferPoolEntry
from bestfill_adapters.solana.signer import KeypairSigner


def keypair(number: int) -> Keypair:
    return Keypair.from_seed(bytes([number] * 32))


OWNER, ELSE = keypair(1), keypair(2)
WALLET = str(keypair(3).pubkey())
POOL = str(OWNER.pubkey())
MINTS = Mint(str(keypair(4).pubkey())), Mint(str(keypair(5).pubkey()))
DECIMALS = (9, 6)
MARKET = TransferPool("transfer_pool_a", [TransferPoolEntry(cosigner=KeypairSigner(OWNER), mints=MINTS, fee_bps=30)])
TRADER = Trader(wallet=WALLET, source=token_account(WALLET, MINTS[0]), destination=token_account(WALLET, MINTS[1]))


def held(mint: str, amount: int, owner: Keypair = OWNER) -> Account:
    keys = bytes(keypair(4 + MINTS.index(Mint(mint))).pubkey()) + bytes(owner.pubkey())
    return Account(SPL_TOKEN, keys + amount.to_bytes(8, "little") + bytes(36) + b"\x01" + bytes(56))


def snapshot(one: int = 1_000_000_000, other: int = 150_000_000, owner: Keypair = OWNER) -> Snapshot:
    vaults = {token_account(POOL, m): held(m, n, owner) for m, n in zip(MINTS, (one, other), strict=True)}
    mints = {
        mint: Account(SPL_TOKEN, bytes(44) + bytes([decimals, 1]) + bytes(36))
        for mint, decimals in zip(MINTS, DECIMALS, strict=True)
    }
    return Snapshot(slot=1, now=1, accounts=vaults | mints)


def swap(forward: bool = True, amount_in: int = 10_000, min_out: int = 1) -> tuple[Instruction, ...]:
    found = snapshot()
    priced = MARKET.price(POOL, found, amount_in, forward=forward)
    terms = MARKET.terms(POOL, found, priced, forward=forward)
    trader = TRADER if forward else evolve(TRADER, source=TRADER.destination, destination=TRADER.source)
    return MARKET.swap(terms, trader, amount_in, min_out, forward=forward)


def test_the_price_is_that_of_a_constant_product_less_the_fee() -> None:
    priced = MARKET.price(POOL, snapshot(1_000, 5_000), 100, forward=True)
    # A fee of 0.3, rounded up to 1; then 99 · 5000 / (1000 + 99).
    assert (priced.fee, priced.amount_out, priced.fee_bps) == (1, 450, 100)
    assert MARKET.price(POOL, snapshot(1_000, 5_000), 500, forward=False).amount_out == 498 * 1_000 // 5_498
    assert MARKET.mints(POOL, snapshot()) == MINTS
    assert set(MARKET.accounts(POOL, snapshot(), forward=True)) == set(snapshot().accounts)


@pytest.mark.parametrize("forward", [True, False])
def test_a_swap_is_read_back_as_it_was_made(forward: bool) -> None:
    made = swap(forward, min_out=3)
    call = MARKET.read_swap(made)
    priced = MARKET.price(POOL, snapshot(), 10_000, forward=forward)
    assert (call.pool, call.amount_in, call.min_out) == (POOL, 10_000, priced.amount_out)
    assert (call.input_mint, call.output_mint) == (MINTS if forward else MINTS[::-1])
    assert call.trader.wallet == WALLET
    assert call.trader.source == token_account(WALLET, call.input_mint)
    assert {meta.address for one in made for meta in one.accounts if meta.signer} == {WALLET, POOL}


def test_it_never_pays_less_than_the_bound() -> None:
    out = MARKET.price(POOL, snapshot(), 10_000, forward=True).amount_out
    assert MARKET.read_swap(swap(min_out=out)).min_out == out
    with pytest.raises(Refused, match="less than the bound"):
        swap(min_out=out + 1)


@pytest.mark.parametrize("amount_in", [0, 1, 2**64 - 1])
def test_what_cannot_be_quoted_is_refused(amount_in: int) -> None:
    with pytest.raises(Refused):
        MARKET.price(POOL, snapshot(), amount_in, forward=True)


@pytest.mark.parametrize(
    "found",
    [
        snapshot(owner=ELSE),
        Snapshot(slot=1, now=1, accounts={}),
        evolve(snapshot(), accounts={a: evolve(x, data=x.data[:100]) for a, x in snapshot().accounts.items() if x}),
        evolve(snapshot(), accounts={a: evolve(x, owner=WALLET) for a, x in snapshot().accounts.items() if x}),
    ],
)
def test_vaults_that_are_not_the_pools_are_refused(found: Snapshot) -> None:
    with pytest.raises(Refused):
        MARKET.price(POOL, found, 10_000, forward=True)


def changed(place: int, **changes: object) -> tuple[Instruction, ...]:
    made = list(swap())
    made[place] = evolve(made[place], **changes)
    return tuple(made)


def other_account(place: int, account: int, address: str) -> tuple[Instruction, ...]:
    metas = list(swap()[place].accounts)
    metas[account] = evolve(metas[account], address=address)
    return changed(place, accounts=tuple(metas))


@pytest.mark.parametrize(
    "instructions",
    [
        (),
        swap()[:1],
        swap()[1:],
        swap()[::-1],
        (*swap(), swap()[0]),
        (swap()[0], swap(forward=False)[1]),
        changed(0, program=WALLET),
        changed(0, data=b"\x03" + swap()[0].data[1:]),
        changed(0, data=swap()[0].data[:-1]),
        changed(1, data=swap()[1].data + b"\x00"),
        changed(0, data=b"\x0c" + bytes(8) + b"\x09"),
        changed(1, data=b"\x0c" + bytes(8) + b"\x06"),
        changed(0, accounts=swap()[0].accounts[:3]),
        changed(1, accounts=(*swap()[1].accounts, Meta(WALLET))),
        other_account(0, 1, WALLET),  # another mint
        other_account(0, 1, MINTS[1]),
        other_account(0, 2, TRADER.destination),  # not into the vault
        other_account(1, 0, TRADER.source),  # not out of the vault
        other_account(1, 3, WALLET),  # not the pool's
        changed(1, accounts=tuple(evolve(meta, signer=False) for meta in swap()[1].accounts)),
        changed(0, accounts=tuple(evolve(meta, writable=False) for meta in swap()[0].accounts)),
    ],
)
def test_anything_else_is_no_swap(instructions: tuple[Instruction, ...]) -> None:
    with pytest.raises(Refused) as caught:
        MARKET.read_swap(instructions)
    assert caught.value.name == "not_a_swap"


def test_flags_of_the_whole_transaction_do_not_matter() -> None:
    more = tuple(evolve(one, accounts=tuple(Meta(m.address, True, True) for m in one.accounts)) for one in swap())
    assert MARKET.read_swap(more) == MARKET.read_swap(swap())


@pytest.mark.parametrize(
    "terms",
    [
        (),
        (POOL, *MINTS, "9", "6"),
        (POOL, *MINTS, "9", "6", "-1"),
        (POOL, *MINTS, "9", "6", "²"),
        (POOL, *MINTS, "9", "6", ""),
        (POOL, *MINTS, "9", "256", "1"),
        (POOL, *MINTS, "9", "6", str(2**64)),
        (POOL, *MINTS, "9", "6", "0"),
        (POOL, *MINTS[::-1], "9", "6", "1"),
        (WALLET, *MINTS, "9", "6", "1"),
    ],
)
def test_terms_that_are_none_are_refused(terms: tuple[str, ...]) -> None:
    with pytest.raises(Refused):
        MARKET.swap(terms, TRADER, 10_000, 1, forward=True)


def test_terms_survive_a_restart_as_text() -> None:
    priced = MARKET.price(POOL, snapshot(), 10_000, forward=True)
    terms = MARKET.terms(POOL, snapshot(), priced, forward=True)
    assert terms == (POOL, *MINTS, "9", "6", str(priced.amount_out))


async def test_each_pools_owner_cosigns() -> None:
    assert MARKET.cosigners.keys() == {POOL}
    assert await MARKET.cosigners[POOL].sign(b"x") == bytes(OWNER.sign_message(b"x"))


@pytest.mark.parametrize(
    ("fee_bps", "mints", "mend"),
    [
        (10_000, MINTS, "0 to 9999 basis points"),
        (-1, MINTS, "0 to 9999 basis points"),
        (30, (MINTS[0], MINTS[0]), "two different mints"),
        (30, (MINTS[0], Mint("short")), "not a mint address"),
    ],
)
def test_an_entry_that_is_no_pool_is_named(fee_bps: int, mints: tuple[Mint, Mint], mend: str) -> None:
    entry = TransferPoolEntry(cosigner=KeypairSigner(OWNER), mints=mints, fee_bps=fee_bps)
    with pytest.raises(ValueError, match=f"{POOL}.*{mend}"):
        TransferPool("transfer_pool_a", [entry])


def test_a_pool_that_is_there_twice_is_named() -> None:
    entry = TransferPoolEntry(cosigner=KeypairSigner(OWNER), mints=MINTS, fee_bps=30)
    with pytest.raises(ValueError, match=f"{POOL} is there twice"):
        TransferPool("transfer_pool_a", [entry, entry])
