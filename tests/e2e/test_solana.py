"""Orders on a local cluster, through real processes: what the chain holds before and after is held to the unit."""

import json
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from attrs import frozen
from solders.keypair import Keypair

from bestfill.units import OrderId
from bestfill_adapters.solana.derive import token_account
from bestfill_adapters.solana.fees import fee_lamports
from bestfill_adapters.solana.frame import NATIVE_MINT
from bestfill_adapters.sql.postgres import PostgresStore
from tests.deployed import STORY, ApiProcess, api, environment, until, worker
from tests.embedded import environment as embedded_environment
from tests.embedded import finished, started
from tests.integration.solana.test_cluster_process import cluster, settings
from tests.unit.adapters.solana.test_venues import environ as solana_settings
from tools.cluster.accounts import RENT_OF_TOKEN_ACCOUNT
from tools.cluster.cluster import DECIMALS, VENUES, write_keypair

FUNDS = 50 * 10**9
FINAL = {"commitment": "finalized"}


@frozen
class Place:
    """A cluster with somebody new on it, who has SOL and nothing else."""

    url: str
    wallet: str
    mints: Mapping[str, str]
    environ: Mapping[str, str]
    http: httpx.AsyncClient

    async def ask(self, method: str, *params: object) -> Any:
        answer = await self.http.post(self.url, json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        return answer.json()["result"]

    async def holds(self) -> dict[str, int]:
        """Give the wallet's lamports, and what its token accounts hold; SOL in the latter is called wSOL."""
        accounts = {symbol: token_account(self.wallet, mint) for symbol, mint in self.mints.items()}
        config = {"encoding": "base64", **FINAL}
        own, *found = (await self.ask("getMultipleAccounts", [self.wallet, *accounts.values()], config))["value"]
        held = {"SOL": own["lamports"] if own else 0}
        for symbol, account in zip(accounts, found, strict=True):
            if account is not None:
                name = "wSOL" if symbol == "SOL" else symbol
                held[name] = int.from_bytes(b64decode(account["data"][0])[64:72], "little")
        return held


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    with cluster(tmp_path / "cluster", "--seed", "11") as one:
        environ = settings(one)
        names = [line.split(" is ") for line in one.said if line.partition(" is ")[0] in DECIMALS]
        keypair, path = Keypair.from_seed(b"e" * 32), tmp_path / "own.json"
        write_keypair(path, keypair)
        mints = dict(names) | {"SOL": NATIVE_MINT}
        own = {k: v for k, v in environ.items() if k != "BESTFILL_DATA_DIR"} | {"BESTFILL_SOLANA_KEYPAIR": str(path)}
        async with httpx.AsyncClient(trust_env=False) as http:
            made = Place(environ["BESTFILL_SOLANA_RPC"], str(keypair.pubkey()), mints, own, http)
            await made.ask("requestAirdrop", made.wallet, FUNDS)

            async def funded() -> bool:
                return await made.holds() == {"SOL": FUNDS}

            await until(funded)
            yield made


@frozen
class Services:
    """Where to place orders, and what is known of them besides what the API tells."""

    front: ApiProcess
    stored: Callable[[str], Any]
    """Gives the transaction that was stored before it was sent; None if it can't be looked at."""


@asynccontextmanager
async def deployed(place: Place, request: pytest.FixtureRequest) -> AsyncIterator[Services]:
    env = environment(request.getfixturevalue("migrated_url"), request.getfixturevalue("redis_url"), **place.environ)
    keyless = {name: value for name, value in env.items() if name != "BESTFILL_SOLANA_KEYPAIR"}
    store = PostgresStore(env["DATABASE_URL"])
    async with api(keyless) as front, worker(env) as running:
        await store.start()
        try:

            async def stored(order_id: str) -> bytes:
                (attempt,) = await store.executions(OrderId(order_id))
                return attempt.signed.transaction

            yield Services(front, stored)
        finally:
            await store.close()
    said = "".join(running.said + front.said)
    assert "Traceback" not in said and '"level":"error"' not in said


@asynccontextmanager
async def embedded(place: Place, request: pytest.FixtureRequest) -> AsyncIterator[Services]:
    async def stored(_: str) -> None:
        return None  # the process has its store for itself

    async with started(request.getfixturevalue("tmp_path"), **place.environ) as front:
        yield Services(front, stored)


MODES: dict[str, Callable[[Place, pytest.FixtureRequest], AbstractAsyncContextManager[Services]]] = {
    "deployed": deployed,
    "embedded": embedded,
}


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Iterator[Callable[[Place], AbstractAsyncContextManager[Services]]]:
    return lambda place: MODES[request.param](place, request)


def units(shown: str, symbol: str) -> int:
    amount = Decimal(shown).scaleb(DECIMALS[symbol])
    assert amount == int(amount)
    return int(amount)


async def swap(place: Place, services: Services, sold: str, bought: str, amount: str, *, creates: bool) -> None:
    """Trade, and hold the wallet's balances, the API's word and the chain's against each other."""
    front, before = services.front, await place.holds()
    asked = {"tokenIn": sold, "tokenOut": place.mints[bought], "amountIn": amount, "minAmountOut": None}
    preview = await (await front.http.post("/api/quotes", json=asked)).json()
    assert sorted(quote["dex"] for quote in preview["quotes"] if quote["amountOut"]) == sorted(VENUES)

    order_id = await front.place(**asked, slippageTolerance=0.5)
    told, _ = await front.follow(f"/ws/{order_id}")
    assert [event["status"] for event in told] == STORY, told[-1]
    order = await front.get(f"/api/orders/{order_id}")
    (execution,) = (await front.get(f"/api/orders/{order_id}/executions"))["executions"]
    # Nobody else trades there: what was previewed is what was quoted, and paid.
    assert execution["quotes"] == preview["quotes"]
    assert order["amountOut"] == execution["amountOut"] == preview["amountOut"]
    assert (execution["signature"], execution["outcome"]) == (order["txHash"], "landed")
    assert order["dexSelected"] == preview["chosen"] == execution["dex"]

    config = {"encoding": "base64", "maxSupportedTransactionVersion": 0, **FINAL}
    landed = await place.ask("getTransaction", order["txHash"], config)
    transaction = b64decode(landed["transaction"][0])
    assert landed["meta"]["err"] is None
    assert await services.stored(order_id) in (transaction, None)
    fee = fee_lamports(transaction)
    assert landed["meta"]["fee"] == fee

    after, moved = await place.holds(), {"SOL": -fee - creates * RENT_OF_TOKEN_ACCOUNT}
    moved[sold] = moved.get(sold, 0) - units(amount, sold)
    moved[bought] = moved.get(bought, 0) + units(order["amountOut"], bought)
    assert {symbol: after[symbol] - before.get(symbol, 0) for symbol in after} == dict.fromkeys(after, 0) | moved
    assert set(before) <= set(after) == set(before) | {bought}  # and no wrapped SOL is left


async def test_balances_move_by_just_the_fill_and_the_fee_that_was_known_beforehand(place: Place, mode) -> None:
    async with mode(place) as services:
        await swap(place, services, "SOL", "tUSD", "1.5", creates=True)
        await swap(place, services, "SOL", "tUSD", "1.5", creates=False)
        await swap(place, services, "tUSD", "tBTC", "200.000001", creates=True)
        await swap(place, services, "tUSD", "SOL", "100", creates=False)


async def test_without_a_node_the_start_fails_with_one_clear_line(tmp_path: Path) -> None:
    given = solana_settings(tmp_path, *VENUES, LOG_LEVEL="error")
    code, said = await finished(embedded_environment(tmp_path, **given))
    told = "bestfill: BESTFILL_SOLANA_RPC: no endpoint answered as it should: endpoint 1 of 1 could not be reached "
    assert (code, said.startswith(told), said.count("\n"), "hunter2" in said) == (1, True, 1, False), said


async def test_a_dry_run_fails_orders_for_good_with_nothing_signed(place: Place, tmp_path: Path) -> None:
    settings = {**place.environ, "BESTFILL_SOLANA_DRY_RUN": "true", "LOG_LEVEL": "info"}
    async with started(tmp_path, **settings) as front:
        before = await place.holds()
        order_id = await front.place(tokenIn="SOL", tokenOut="tUSD", amountIn="1", minAmountOut=None)
        await front.follow(f"/ws/{order_id}")
        order = await front.get(f"/api/orders/{order_id}")
        (execution,) = (await front.get(f"/api/orders/{order_id}/executions"))["executions"]
        assert (order["status"], order["txHash"], execution["signature"]) == ("failed", None, None)
        assert order["errorReason"].startswith("dry run: the simulation went well, at a fee of ")
        assert await place.holds() == before
        front.process.terminate()
        _, said = await front.ended()
    events = [json.loads(line)["event"] for line in said.splitlines()]
    assert "dry run: swap simulated" in events and "swap signed" not in events
