"""Runs a cluster on this machine; see ./dev help."""

import argparse
import asyncio
import secrets
import shlex
import socket
import sys
from pathlib import Path
from typing import Final

from attrs import fields, frozen
from solders.keypair import Keypair

from bestfill.units import BaseUnits, to_display
from bestfill_adapters.system import SystemClock
from tools.cluster.cluster import DECIMALS, VENUES, WALLET, Cluster, write_keypair
from tools.cluster.rules import Rules
from tools.cluster.server import serve

HOST: Final = "127.0.0.1"
PORT: Final = 8899
FOLDER: Final = Path("var/cluster")

_RATES: Final = {
    "skipped": "of slots that have no block",
    "loss": "of sends that never reach those who make blocks",
    "late": "of transactions that land as late as at their last valid block",
    "forks": "of slots in which another fork wins, and drops the last blocks",
    "lost_requests": "of calls that never reach a node",
    "lost_replies": "of calls that are carried out but never answered",
    "busy": "of calls that are refused with 429",
}
_COUNTS: Final = {
    "nodes": "how many nodes there are, at /, /2, /3 …",
    "lag": "the most slots that a node is behind",
    "confirmed": "how many slots old a block is when it is confirmed",
    "finalized": "how many slots old a block is when it is finalized",
    "history": "for how many slots nodes know their history (default: for ever)",
}


class Unfit(Exception):
    """It cannot start; the message says why, and how to mend it."""


@frozen
class Written:
    """The files of a cluster."""

    wallet: Path
    pools: Path


def main(arguments: list[str]) -> int:
    """Run until told to stop; give the exit code: 1 if it could not start, 2 if the call is not valid."""
    parser = _parser()
    options = parser.parse_args(arguments)
    chosen = {name: value for name in (*_RATES, *_COUNTS) if (value := getattr(options, name)) is not None}
    try:
        rules = Rules(**chosen)
    except ValueError:
        parser.error("a rate is from 0 to 1; --lag, --confirmed and --finalized are at most 512, the others at least 1")
    try:
        asyncio.run(_run(options, rules))
    except Unfit as error:
        sys.stderr.write(f"cluster: {error}\n")
        return 1
    return 0


async def _run(options: argparse.Namespace, rules: Rules) -> None:
    folder: Path = options.folder.absolute()
    seed = secrets.token_hex(8) if options.seed is None else str(options.seed)
    with _bind(options.port) as taken:
        try:
            cluster = Cluster(SystemClock().now, seed, rules, _kept(folder, options.seed))
            written = _write(cluster, folder)
        except OSError as error:
            raise Unfit(f"cannot write into {folder}: {error.strerror}; choose another --folder") from None
        url = f"http://{HOST}:{taken.getsockname()[1]}"
        await serve(cluster, taken, lambda: print(_told(cluster, url, written)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev cluster",
        description="A Solana cluster on this machine, with a funded wallet and two venues to trade at. "
        "It is kept in memory: a restart is a new chain.",
        allow_abbrev=False,
    )
    parser.add_argument("--port", type=_port, default=PORT, metavar="N", help=f"0: any free one (default: {PORT})")
    parser.add_argument("--seed", type=int, metavar="N", help="makes keys and chance repeatable (default: new ones)")
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, metavar="DIR", help=f"where its files go (default: {FOLDER})"
    )
    defaults = {field.name: field.default for field in fields(Rules)}
    for name, text in _RATES.items():
        told = f"rate {text} (default: {defaults[name]})"
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, metavar="0..1", help=told)
    for name, text in _COUNTS.items():
        told = text if defaults[name] is None else f"{text} (default: {defaults[name]})"
        parser.add_argument(f"--{name}", type=int, metavar="N", help=told)
    return parser


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:
        raise argparse.ArgumentTypeError("must be a whole number from 0 to 65535")
    return int(text)


def _bind(port: int) -> socket.socket:
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((HOST, port))
    except OSError as error:
        taken.close()
        raise Unfit(f"cannot listen on port {port}: {error.strerror}; choose another with --port") from None
    return taken


def _kept(folder: Path, seed: int | None) -> Keypair | None:
    """Give the wallet that is in the folder already: another chain may know it, so it is not written over."""
    path = folder / "wallet.json"
    if not path.exists():
        return None
    try:
        kept = Keypair.from_json(path.read_text())
    except ValueError:
        raise Unfit(f"{path} is no keypair file; choose another --folder, or remove it") from None
    if seed is not None and kept != Cluster.wallet_of(seed):
        raise Unfit(f"{path} is not the wallet of seed {seed}; choose another --folder, or remove it")
    return kept


def _write(cluster: Cluster, folder: Path) -> Written:
    folder.mkdir(parents=True, exist_ok=True)
    wallet = folder / "wallet.json"
    write_keypair(wallet, cluster.wallet)
    return Written(wallet, cluster.pools_file(folder))


def _told(cluster: Cluster, url: str, written: Written) -> str:
    """Say what there is, and how to trade on it."""
    chain = cluster.chain.blocks.first.blockhash.hex()[:8]
    symbols = {mint: symbol for symbol, mint in cluster.mints.items()}
    holds = ", ".join(f"{to_display(BaseUnits(n), DECIMALS[symbol])} {symbol}" for symbol, n in WALLET.items())
    settings = {
        "BESTFILL_SOLANA_RPC": ",".join(f"{url}/{n or ''}" for n in [0, *range(2, len(cluster.nodes) + 1)]),
        "BESTFILL_SOLANA_KEYPAIR": str(written.wallet),
        "BESTFILL_SOLANA_POOLS": str(written.pools),
        "BESTFILL_SOLANA_RPC_PER_S": "1000",
        "BESTFILL_VENUES": ",".join(VENUES),
        # Orders of another chain would be looked for on this one.
        "BESTFILL_DATA_DIR": str(written.pools.parent / f"orders-{chain}"),
    }
    lines = [
        f"the cluster is ready at {url} (seed {cluster.chain.seed}; in memory: a restart is a new chain)",
        f"wallet {cluster.wallet.pubkey()} holds {holds}",
        *(f"{symbol} is {mint}" for mint, symbol in symbols.items()),
        *(f"{pool.venue} swaps {' and '.join(symbols[mint] for mint in pool.mints)}" for pool in cluster.pools),
        "",
        "To trade on it, in another terminal:",
        *(f"export {name}={shlex.quote(value)}" for name, value in settings.items()),
        "./dev run",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
