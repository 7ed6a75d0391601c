"""Swaps at the cluster's pools, by the real client over the cluster's transport: both transfers land, or none does."""

from base64 import b64encode
from pathlib import Path

import httpx
import pytest
from attrs import evolve

from bestfill.quote import Fill, QuoteRequest, SignedSwap, SwapOutcome, SwapPlan
from bestfill.slippage import min_out
from bestfill.tokens import TokenList
from bestfill.units import BaseUnits, Bps, Mint, OrderId
from bestfill_adapters.plugins import VenueContext, load_venues
from bestfill_adapters.settings import Hidden, Settings, SolanaSettings
from bestfill_adapters.solana.derive import token_account
from bestfill_adapters.solana.gateway import Gateway
from bestfill_adapters.solana.signer import KeypairSigner
from tests.unit.cluster.world import PROCESSED, World
from tools.cluster.cluster import DECIMALS, VENUES, Pool
from tools.cluster.transport import ClusterTransport

AMOUNTS = {"SOL": 1_500_000_000, "tUSD": 200_000_000, "tBTC": 1_000_000}


class Clock:
    """The world's time, which passes by itself only while somebody waits for it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> int:
        return self._world.now_ms

    async def sleep_until(self, moment: int) -> None:
        self._world.now_ms = max(self._world.now_ms, moment)


class Desk:
    """A trader at a cluster."""

    def __init__(self, folder: Path, **rules: object) -> None:
        self.world = World(confirmed=1, finalized=4, **rules)
        cluster = self.world.cluster
        urls = tuple(Hidden(f"http://cluster/{number + 1}") for number in range(len(cluster.nodes)))
        settings = SolanaSettings(rpc=urls, pools=cluster.pools_file(folder), rpc_per_s=10_000)
        clock = Clock(self.world)
        self.gateway = Gateway(settings, clock, ClusterTransport(cluster))
        context = VenueContext(
            clock=clock, seed="", settings=Settings(solana=settings), environ={}, solana=self.gateway
        )
        self.venues = {venue.name: venue for venue in load_venues(VENUES, context)}
        self.network = self.gateway.network(KeypairSigner(cluster.wallet))
        self.symbols = {mint: symbol for symbol, mint in cluster.mints.items()}

    async def sign(self, pool: Pool, input_mint: Mint, number: int = 1) -> tuple[SwapPlan, SignedSwap]:
        """Quote, build and sign a swap in one of a pool's directions."""
        output_mint = next(mint for mint in pool.mints if mint != input_mint)
        sold, bought = self.symbols[input_mint], self.symbols[output_mint]
        request = QuoteRequest(
            input_mint=input_mint,
            output_mint=output_mint,
            amount_in=BaseUnits(AMOUNTS[sold]),
            decimals_in=DECIMALS[sold],
            decimals_out=DECIMALS[bought],
        )
        venue = self.venues[pool.venue]
        quote = await venue.quote(request)
        leg = await venue.leg(quote, min_out(quote.amount_out, Bps(50), None))
        plan = SwapPlan(
            order_id=OrderId(f"01a20342-bf71-7304-bcda-{number:012x}"),
            attempt=1,
            input_mint=input_mint,
            output_mint=output_mint,
            amount_in=leg.amount_in,
            min_out=leg.min_out,
            route=(leg,),
        )
        return plan, await self.network.sign(plan)

    def holds(self, owner: str, mint: Mint) -> int:
        return self.world.ask("getBalance", token_account(owner, mint), PROCESSED)["value"]


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(("pair", "side"), [(0, 0), (0, 1), (1, 0), (1, 1)])
async def test_a_swap_moves_both_sides_by_just_what_was_quoted(
    tmp_path: Path, venue: str, pair: int, side: int
) -> None:
    desk = Desk(tmp_path)
    await desk.gateway.start(TokenList(()))
    pool = [pool for pool in desk.world.cluster.pools if pool.venue == venue][pair]
    plan, signed = await desk.sign(pool, pool.mints[side])
    await desk.network.send(signed)
    desk.world.slots(6)

    status = await desk.network.status(signed)
    (landed,) = desk.world.chain.final()
    own, paid = str(desk.world.wallet.pubkey()), landed.tokens()
    out = -paid[pool.address, plan.output_mint]
    assert status.outcome is SwapOutcome.LANDED
    assert status.fill == Fill(amount_in=plan.amount_in, amount_out=BaseUnits(out))
    assert out >= plan.min_out
    assert paid[pool.address, plan.input_mint] == plan.amount_in
    lamports = landed.lamports().get(own, 0) + landed.fee
    native = desk.world.cluster.mints["SOL"]
    moved = {plan.input_mint: -plan.amount_in, plan.output_mint: out}
    assert lamports == moved.pop(native, 0)
    assert {mint: change for (who, mint), change in paid.items() if who == own} == moved
    assert landed.memo == f"{plan.order_id}/1"
    await desk.gateway.close()


async def test_if_the_pool_cannot_pay_nothing_is_taken(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.gateway.start(TokenList(()))
    pool = desk.world.cluster.pools[1]
    plan, signed = await desk.sign(pool, pool.mints[0])
    desk.world.cluster.give(pool.address, "tUSD", 1)
    before = desk.world.balance(desk.world.wallet.pubkey())
    await desk.network.send(signed)
    desk.world.slots(6)

    (landed,) = desk.world.chain.final()
    assert landed.error == {"InstructionError": [3, {"Custom": 1}]}
    assert landed.tokens() == {}
    assert landed.lamports() == {str(desk.world.wallet.pubkey()): -landed.fee}
    assert before - desk.world.balance(desk.world.wallet.pubkey()) == landed.fee
    assert (await desk.network.status(signed)).outcome is SwapOutcome.REVERTED
    assert plan.amount_in
    await desk.gateway.close()


async def test_no_half_of_a_signed_swap_is_worth_anything(tmp_path: Path) -> None:
    """Without the pool's signature, or with another amount, nothing lands."""
    desk = Desk(tmp_path)
    await desk.gateway.start(TokenList(()))
    pool = desk.world.cluster.pools[1]
    _, signed = await desk.sign(pool, pool.mints[0])
    assert signed.transaction[0] == 2
    for place in (1 + 64, len(signed.transaction) - 45):  # the pool's signature, the last instructions
        spoilt = bytearray(signed.transaction)
        spoilt[place] ^= 1
        transport = ClusterTransport(desk.world.cluster)
        async with httpx.AsyncClient(transport=transport) as http:
            text = b64encode(spoilt).decode()
            params = [text, {"encoding": "base64", "skipPreflight": True}]
            body = {"jsonrpc": "2.0", "id": 1, "method": "sendTransaction", "params": params}
            await http.post("http://cluster/", json=body)
    desk.world.slots(200)
    assert desk.world.chain.landed == {}
    await desk.gateway.close()


async def test_swaps_land_once_through_losses_forks_and_lagging_nodes(tmp_path: Path) -> None:
    """Each is sent until it is final; a swap's place in the book is its memo."""
    desk = Desk(tmp_path, nodes=3, loss=0.5, forks=0.1, fork_slots=3, lag=5, skipped=0.1, delay=(1, 3))
    await desk.gateway.start(TokenList(()))
    signed: list[SignedSwap] = []
    for number in range(12):
        pool = desk.world.cluster.pools[number % 4]
        signed.append((await desk.sign(pool, pool.mints[number % 2], number))[1])
    for _ in range(40):
        for swap in signed:
            if (await desk.network.status(swap)).outcome is SwapOutcome.NOT_FOUND:
                await desk.network.send(swap)
        desk.world.slots(1)
    desk.world.chain.rules = evolve(desk.world.chain.rules, forks=0.0)
    desk.world.slots(10)
    memos = [landed.memo for landed in desk.world.chain.final()]
    assert len(memos) == len(set(memos)) == 12
    assert desk.world.chain.dropped > 0
    await desk.gateway.close()
