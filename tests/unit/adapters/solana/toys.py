"""Markets of made-up pools, and plans over them: what the tests of transactions have in common."""

from collections.abc import Sequence
from typing import Final

from solders.keypair import Keypair

from bestfill.quote import Leg, SwapPlan
from bestfill.testing.samples import order_id
from bestfill.units import BaseUnits, Mint, base58_encode
from bestfill_adapters.solana.account import SPL_TOKEN, Refused, Snapshot
from bestfill_adapters.solana.checking import check
from bestfill_adapters.solana.frame import NATIVE_MINT, build, token_accounts
from bestfill_adapters.solana.legs import LegTerms, encode_leg
from bestfill_adapters.solana.market import Instruction, Market, Meta, Priced, SwapCall, Trader


def key(number: int) -> Keypair:
    return Keypair.from_seed(bytes([number]) * 32)


def address(number: int) -> str:
    """Give an address that is nobody's."""
    return base58_encode(bytes([number]) * 32)


WALLET: Final = str(key(1).pubkey())
AUTHORITY: Final = str(key(2).pubkey())
SOL, USD, EUR = Mint(NATIVE_MINT), Mint(address(11)), Mint(address(12))
BLOCKHASH: Final = address(99)
NOT_A_SWAP: Final = Refused("not_a_swap", "an instruction is not the swap that it should be")


class Toy(Market):
    """What toy markets have in common: nothing is ever priced."""

    def mints(self, pool: str, snapshot: Snapshot) -> tuple[Mint, Mint]:
        raise NotImplementedError

    def accounts(self, pool: str, snapshot: Snapshot, *, forward: bool) -> tuple[str, ...]:
        raise NotImplementedError

    def price(self, pool: str, snapshot: Snapshot, amount_in: int, *, forward: bool) -> Priced:
        raise NotImplementedError

    def terms(self, pool: str, snapshot: Snapshot, priced: Priced, *, forward: bool) -> tuple[str, ...]:
        raise NotImplementedError


def transfer(source: str, destination: str, owner: str, amount: int) -> Instruction:
    accounts = (Meta(source, writable=True), Meta(destination, writable=True), Meta(owner, signer=True))
    return Instruction(program=SPL_TOKEN, accounts=accounts, data=b"\x03" + amount.to_bytes(8, "little"))


class Transfers(Toy):
    """Swaps of two SPL transfers, there and back; the pool is its owner, and signs too. Terms: pool, vaults."""

    name = "toy_transfers"
    program = SPL_TOKEN

    def swap(
        self, terms: Sequence[str], trader: Trader, amount_in: int, min_out: int, *, forward: bool
    ) -> tuple[Instruction, ...]:
        if len(terms) != 3:
            raise Refused("bad_terms", "the terms are not those of a toy")
        pool, vault_in, vault_out = terms
        return (
            transfer(trader.source, vault_in, trader.wallet, amount_in),
            transfer(vault_out, trader.destination, pool, min_out),
        )

    def read_swap(self, instructions: Sequence[Instruction]) -> SwapCall:
        if [(i.program, i.data[:1], len(i.data), len(i.accounts)) for i in instructions] != [
            (SPL_TOKEN, b"\x03", 9, 3)
        ] * 2:
            raise NOT_A_SWAP
        (source, _, wallet), (_, destination, pool) = ([m.address for m in i.accounts] for i in instructions)
        taken, paid = (int.from_bytes(i.data[1:], "little") for i in instructions)
        trader = Trader(wallet=wallet, source=source, destination=destination)
        return SwapCall(trader=trader, pool=pool, amount_in=taken, min_out=paid)


class Call(Toy):
    """Swaps of one instruction of a program that is nowhere. Terms: pool, vaults, mints."""

    name = "toy_call"
    program = address(50)

    def swap(
        self, terms: Sequence[str], trader: Trader, amount_in: int, min_out: int, *, forward: bool
    ) -> tuple[Instruction, ...]:
        if len(terms) != 5:
            raise Refused("bad_terms", "the terms are not those of a toy")
        own = [Meta(a, writable=True) for a in (trader.source, trader.destination, *terms[:3])]
        accounts = (Meta(trader.wallet, signer=True), *own, *map(Meta, terms[3:]))
        data = b"swapswap" + amount_in.to_bytes(8, "little") + min_out.to_bytes(8, "little")
        return (Instruction(program=self.program, accounts=accounts, data=data),)

    def read_swap(self, instructions: Sequence[Instruction]) -> SwapCall:
        if [(i.program, i.data[:8], len(i.data), len(i.accounts)) for i in instructions] != [
            (self.program, b"swapswap", 24, 8)
        ]:
            raise NOT_A_SWAP
        (found,) = instructions
        wallet, source, destination, pool, _, _, mint_in, mint_out = (m.address for m in found.accounts)
        return SwapCall(
            trader=Trader(wallet=wallet, source=source, destination=destination),
            pool=pool,
            amount_in=int.from_bytes(found.data[8:16], "little"),
            min_out=int.from_bytes(found.data[16:], "little"),
            input_mint=mint_in,
            output_mint=mint_out,
        )


MARKETS: Final[dict[str, Market]] = {m.name: m for m in (Transfers(), Call())}


def leg(market: str, sold: Mint, bought: Mint, amount_in: int, min_out: int, pool: str = AUTHORITY) -> Leg:
    vaults = (address(31), address(32))
    terms = (pool, *vaults) if market == Transfers.name else (pool, *vaults, sold, bought)
    return Leg(
        venue=market,
        input_mint=sold,
        output_mint=bought,
        amount_in=BaseUnits(amount_in),
        min_out=BaseUnits(min_out),
        payload=encode_leg(LegTerms(market=market, pool=pool, forward=True, terms=terms)),
    )


def plan(sold: Mint = SOL, bought: Mint = USD, *legs: tuple[str, int, int], attempt: int = 1) -> SwapPlan:
    """Plan a swap over legs of a market, an input and a bound each."""
    route = tuple(leg(market, sold, bought, *amounts) for market, *amounts in legs or [(Call.name, 1_500, 900)])
    return SwapPlan(
        order_id=order_id(1),
        attempt=attempt,
        input_mint=sold,
        output_mint=bought,
        amount_in=BaseUnits(sum(one.amount_in for one in route)),
        min_out=BaseUnits(sum(one.min_out for one in route)),
        route=route,
    )


BOTH: Final = ((Transfers.name, 1_000, 600), (Call.name, 500, 300))
PLANS: Final = {
    "SOL in": plan(),
    "SOL out": plan(USD, SOL),
    "tokens": plan(USD, EUR),
    "two legs": plan(SOL, USD, *BOTH),
    "cosigned": plan(EUR, USD, (Transfers.name, 1_000, 600)),
}


def built(whole: SwapPlan, *, missing: bool = False, **bend: object) -> bytes:
    """Build a plan's message; with `missing`, only the account of the input exists."""
    accounts = token_accounts(whole, WALLET)
    usual = {
        "wallet": WALLET,
        "markets": MARKETS,
        "existing": accounts[:1] if missing else accounts,
        "blockhash": BLOCKHASH,
        "compute_limit": 200_000,
        "compute_price": 10_000,
    }
    return build(whole, **{**usual, **bend})  # pyright: ignore[reportArgumentType]


def checked(message: bytes, whole: SwapPlan, **bend: object) -> None:
    """Hold a message against a plan, as `built` made it."""
    usual = {
        "wallet": WALLET,
        "markets": MARKETS,
        "cosigners": [AUTHORITY],
        "blockhash": BLOCKHASH,
        "max_priority_fee": 2_000,
    }
    check(message, whole, **{**usual, **bend})  # pyright: ignore[reportArgumentType]
