"""Reads the variables of Solana, the secret ones among them."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bestfill_adapters.settings.model import Hidden

RPC: Final = "BESTFILL_SOLANA_RPC"
KEYPAIR: Final = "BESTFILL_SOLANA_KEYPAIR"
KEY: Final = "BESTFILL_SOLANA_KEY"
POOLS: Final = "BESTFILL_SOLANA_POOLS"
DRY_RUN: Final = "BESTFILL_SOLANA_DRY_RUN"

_URL: Final = re.compile(r"https?://[!-~]+")
_PASTED_KEY: Final = re.compile(r"\[.*|[1-9A-HJ-NP-Za-km-z]{60,}", re.DOTALL)
_KEY_MAX_CHARS: Final = 1_000


def rpc(text: str) -> tuple[Hidden, ...]:
    """Read the URLs of the endpoints."""
    urls = [url.strip() for url in text.split(",")]
    if len(set(urls)) != len(urls) or not all(map(_reachable, urls)):
        raise ValueError("must be URLs such as https://host/path, each once, parted by commas")
    return tuple(map(Hidden, urls))


def _reachable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return _URL.fullmatch(url) is not None and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def keypair(text: str) -> Path:
    """Read the path of a keypair file, into whose place somebody may paste the key."""
    if _PASTED_KEY.fullmatch(text):
        raise ValueError(f"must be the path of a keypair file; a key itself goes into {KEY}")
    if not text.isprintable():
        raise ValueError("must be the path of a keypair file")
    return Path(text)


def key(text: str) -> Hidden:
    """Read a key as text; whether it is one shows when it is used."""
    if len(text) > _KEY_MAX_CHARS or not _PASTED_KEY.fullmatch(text):
        raise ValueError("must be a key of 64 bytes: base58, or a JSON array as solana-keygen writes it")
    return Hidden(text)


def lacking(given: Collection[str], *, dry_run: bool) -> list[str]:
    """Say what must be set besides what is given."""
    problems: list[str] = []
    needs_rpc = next((name for name in (KEYPAIR, KEY, POOLS) if name in given), DRY_RUN if dry_run else None)
    if needs_rpc and RPC not in given:
        problems.append(f"{RPC}: must be set too, since {needs_rpc} is; unset both for the mock chain")
    if RPC in given and POOLS not in given:
        problems.append(f"{POOLS}: must be set too, since {RPC} is: the path of the file that lists the pools")
    if {KEYPAIR, KEY} <= set(given):
        problems.append(f"{KEY}: must not be set together with {KEYPAIR}; unset one of them")
    return problems
