"""Real programs on the cluster, quoted, built, signed, sent and looked up as by an order: they pay just the quote.

Needs their binaries: SOLANA_ELF_DIR names a folder that holds `<venue>.so` or `<program id>.so`.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import frozen

from bestfill.quote import Fill, QuoteRequest, SwapOutcome, SwapPlan
from bestfill.tokens import TokenList
from bestfill.units import BaseUnits, OrderId, base58_decode
from bestfill_adapters.plugins import VenueContext, load_venues
from bestfill_adapters.settings import Hidden, Settings, SolanaSettings
from bestfill_adapters.solana.account import SPL_TOKEN, Account, discriminator
from bestfill_adapters.solana.derive import token_account
from bestfill_adapters.solana.gateway import Gateway
from bestfill_adapters.solana.replay import load
from bestfill_adapters.solana.signer import KeypairSigner
from tests.integration.solana.test_cluster_swaps import Clock
from tests.unit.cluster.world import World
from tools.cluster import programs
from tools.cluster.accounts import RENT_OF_TOKEN_ACCOUNT, token_account_data
from tools.cluster.cluster import NATIVE_MINT, SOL, SYSTEM
from tools.cluster.programs import PROGRAMS
from tools.cluster.transport import ClusterTransport

DATA = Path(__file__).parents[2] / "data/solana"


@frozen
class Recorded:
    venue: str
    pool: str
    forward: bool


def recorded() -> list[Recorded]:
    found: dict[Recorded, None] = {}
    for venue in PROGRAMS:
        for case in json.loads((DATA / f"{venue}.json").read_bytes())["cases"]:
            if case.get("amount_out"):
                found[Recorded(venue, case["pool"], case["forward"])] = None
    return list(found)


def price_history(venue: str, pool: Account, address: str) -> tuple[str, bytes] | None:
    """Give the account in which a program notes past prices, and does not read them; the recordings leave it out."""
    match venue:
        case "raydium_cpmm":
            begun = b"\x01" + bytes(2) + base58_decode(address)
            return pool.address(296), (discriminator("ObservationState") + begun).ljust(4_075, b"\0")
        case "meteora_dlmm":
            sizes = b"".join(n.to_bytes(8, "little") for n in (0, 1, 100))
            return pool.address(552), (discriminator("Oracle") + sizes).ljust(32 + 32 * 100, b"\0")
        case "raydium_clmm":
            begun = b"\x01" + base58_decode(address)
            return pool.address(201), (discriminator("ObservationState") + begun).ljust(52_121, b"\0")
        case _:
            return None


@pytest.mark.parametrize("which", recorded(), ids=lambda one: f"{one.venue}-{one.pool}-{one.forward}")
async def test_a_program_pays_what_was_quoted(elf: Callable[[str], Path], tmp_path: Path, which: Recorded) -> None:
    path = elf(which.venue)
    recording = load(DATA / f"{which.venue}.json")
    roles = recording.pools[which.pool]
    cases = [
        case for case in recording.cases if (case.pool, case.forward) == (which.pool, which.forward) and case.amount_out
    ]
    now = min(case.now for case in cases)
    cases = sorted((case for case in cases if case.now == now), key=lambda case: case.amount_in)
    # The smallest, the middle and the largest.
    cases = list({case.amount_in: case for case in (cases[0], cases[len(cases) // 2], cases[-1])}.values())
    file = tmp_path / "pools.json"
    file.write_text(json.dumps({"pools": [{"venue": which.venue, "address": roles["pool"]}]}))
    for number, case in enumerate(cases):
        world = World(begin_ms=1000 * now, slots=0, confirmed=0, finalized=1)
        programs.load(world.chain, which.venue, path)
        for address, account in recording.accounts.items():
            data, reserves = account.data, None
            if len(data) == 165 and data[:32] == base58_decode(NATIVE_MINT):
                # Recorded as one of an ordinary token; as SOL it is made of lamports.
                owner, amount = account.address(32), account.unsigned(64, 8)
                data = token_account_data(NATIVE_MINT, owner, amount, native=True)
                reserves = RENT_OF_TOKEN_ACCOUNT + amount
            world.chain.put(address, account.owner, data, reserves)
        address = str(roles["pool"])
        if history := price_history(which.venue, recording.accounts[address], address):
            world.chain.put(history[0], PROGRAMS[which.venue], history[1])
        settings = SolanaSettings(rpc=(Hidden("http://cluster"),), pools=file, rpc_per_s=10_000)
        clock = Clock(world)
        gateway = Gateway(settings, clock, ClusterTransport(world.cluster))
        context = VenueContext(clock=clock, seed="", settings=Settings(solana=settings), environ={}, solana=gateway)
        (venue,) = load_venues([which.venue], context)
        tokens = TokenList(())
        await gateway.start(tokens)
        mints = [token.mint for token in tokens]
        assert len(mints) == 2
        input_mint, output_mint = mints if which.forward else mints[::-1]
        wallet = str(world.wallet.pubkey())
        world.chain.put(wallet, SYSTEM, b"", case.amount_in + SOL if input_mint == NATIVE_MINT else SOL)
        for mint in set(mints) - {NATIVE_MINT}:
            data = token_account_data(mint, wallet, case.amount_in if mint == input_mint else 0)
            world.chain.put(token_account(wallet, mint), SPL_TOKEN, data)
        decimals = {token.mint: token.decimals for token in tokens}
        request = QuoteRequest(
            input_mint=input_mint,
            output_mint=output_mint,
            amount_in=BaseUnits(case.amount_in),
            decimals_in=decimals[input_mint],
            decimals_out=decimals[output_mint],
        )
        quote = await venue.quote(request)
        assert quote.amount_out == case.amount_out
        leg = await venue.leg(quote, quote.amount_out)
        plan = SwapPlan(
            order_id=OrderId(f"01a20342-bf71-7304-bcda-{number:012x}"),
            attempt=1,
            input_mint=input_mint,
            output_mint=output_mint,
            amount_in=leg.amount_in,
            min_out=leg.min_out,
            route=(leg,),
        )
        network = gateway.network(KeypairSigner(world.wallet))
        signed = await network.sign(plan)
        await network.send(signed)
        world.slots(2)
        status = await network.status(signed)
        assert status.outcome is SwapOutcome.LANDED, (status, world.chain.final())
        assert status.fill == Fill(amount_in=BaseUnits(case.amount_in), amount_out=BaseUnits(case.amount_out or 0))
        await gateway.close()
