"""`./dev cluster` as a user meets it: one command, the lines to trade on it, and nothing left behind."""

import os
import re
import shlex
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from solders.keypair import Keypair

from bestfill.quote import QuoteRequest, SwapOutcome, SwapPlan
from bestfill.tokens import TokenList
from bestfill.units import BaseUnits, Mint, OrderId
from bestfill_adapters.plugins import VenueContext, load_venues
from bestfill_adapters.settings import load
from bestfill_adapters.solana.gateway import Gateway
from bestfill_adapters.solana.signer import make_signer
from bestfill_adapters.system import SystemClock
from tests.integration.full.supervised import ROOT, Supervised, supervised

COMMAND = str(ROOT / "dev"), "cluster"
QUICK = "--port", "0", "--skipped", "0", "--confirmed", "0", "--finalized", "1"


@contextmanager
def cluster(folder: Path, *options: str) -> Iterator[Supervised]:
    with supervised(*COMMAND, *QUICK, "--folder", str(folder), *options) as one:
        yield one


def settings(one: Supervised) -> dict[str, str]:
    """Read the lines that say how to trade on it."""
    one.until(r"^\./dev run$")
    lines = [line.removeprefix("export ") for line in one.said if line.startswith("export ")]
    return {name: shlex.split(value)[0] for name, value in (line.split("=", 1) for line in lines)}


def ended(one: Supervised, number: int) -> int:
    os.killpg(one.process.pid, number)
    return one.ended()


async def test_it_trades_by_the_lines_that_it_prints_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    with cluster(tmp_path / "new", "--seed", "7") as one:
        environ = settings(one)
        url = environ["BESTFILL_SOLANA_RPC"]
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(f"{url}health")).text == "ok"
            answer = await http.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "getHealth"})
            assert answer.json() == {"jsonrpc": "2.0", "result": "ok", "id": 1}
            assert (await http.post(url, content=b"x" * 60_000)).status_code == 413
            assert (await http.get(url)).status_code == 405

        asked = load(environ)
        assert asked.solana
        clock = SystemClock()
        gateway = Gateway(asked.solana, clock)
        context = VenueContext(clock=clock, seed="", settings=asked, environ={}, solana=gateway)
        venues = load_venues(asked.venues, context)
        network = gateway.network(make_signer(asked.solana))
        tokens = TokenList(())
        await gateway.start(tokens)
        mints = {match[1]: Mint(match[2]) for line in one.said if (match := re.fullmatch(r"(\w+) is (\w+)", line))}
        request = QuoteRequest(
            input_mint=mints["SOL"],
            output_mint=mints["tUSD"],
            amount_in=BaseUnits(10**9),
            decimals_in=9,
            decimals_out=6,
        )
        quote = await venues[0].quote(request)
        leg = await venues[0].leg(quote, quote.amount_out)
        plan = SwapPlan(
            order_id=OrderId("01a20342-bf71-7304-bcda-895e8e7b2da3"),
            attempt=1,
            input_mint=leg.input_mint,
            output_mint=leg.output_mint,
            amount_in=leg.amount_in,
            min_out=leg.min_out,
            route=(leg,),
        )
        signed = await network.sign(plan)
        await network.send(signed)
        moment = clock.now()
        while (status := await network.status(signed)).outcome is not SwapOutcome.LANDED:
            assert clock.now() < moment + 30_000
            await clock.sleep_until(clock.now() + 100)
        assert status.fill and status.fill.amount_out == quote.amount_out
        await gateway.close()

        assert ended(one, signal.SIGINT) == 0
        assert not [line for line in one.said if "Traceback" in line]
        port = int(url.rstrip("/").rsplit(":", 1)[1])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=10)

    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").glob("*.json")}
    assert files.pop("pools.json")
    assert set(files) == {"wallet.json", "pool-1.json", "pool-2.json", "pool-3.json", "pool-4.json"}
    assert set(files.values()) == {0o600}


def test_sigterm_ends_it_while_an_answer_is_never_to_come(tmp_path: Path) -> None:
    with cluster(tmp_path, "--lost-replies", "1") as one:
        url = settings(one)["BESTFILL_SOLANA_RPC"]
        host = url.removeprefix("http://").rstrip("/")
        with socket.create_connection(("127.0.0.1", int(host.rsplit(":", 1)[1])), timeout=10) as hanging:
            hanging.sendall(f"POST / HTTP/1.1\r\nhost: {host}\r\ncontent-length: 2\r\n\r\n{{}}".encode())
            assert ended(one, signal.SIGTERM) == 0


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *options], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)


def test_a_wallet_in_the_folder_is_kept_or_the_start_refused(tmp_path: Path) -> None:
    kept = tmp_path / "wallet.json"
    kept.touch(0o600)
    kept.write_text(Keypair.from_seed(bytes(32)).to_json())
    with cluster(tmp_path) as one:
        one.until(rf"^wallet {Keypair.from_seed(bytes(32)).pubkey()} holds")
        assert ended(one, signal.SIGINT) == 0
    assert kept.read_text() == Keypair.from_seed(bytes(32)).to_json()

    found = run("--port", "0", "--folder", str(tmp_path), "--seed", "5")
    assert found.returncode == 1
    assert "choose another --folder" in found.stderr


def test_what_is_wrong_is_said_with_its_mend(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = run("--port", str(taken.getsockname()[1]), "--folder", str(tmp_path))
    assert (found.returncode, found.stdout) == (1, "")
    assert "choose another with --port" in found.stderr and "Traceback" not in found.stderr
    for options in (("--loss", "2"), ("--port", "x"), ("--nodes", "0")):
        found = run(*options)
        assert found.returncode == 2 and "Traceback" not in found.stderr
    (tmp_path / "file").touch()
    found = run("--port", "0", "--folder", str(tmp_path / "file"))
    assert found.returncode == 1 and "choose another --folder" in found.stderr
