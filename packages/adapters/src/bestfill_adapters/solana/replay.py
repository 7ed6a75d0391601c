"""Replay recorded swaps: hold what a pool's quote says against what its program paid.

    python -m bestfill_adapters.solana.replay FILE.json

A file holds accounts as they were, the pools among them, and cases: a swap, and the amount that came out or the error
that the program gave. Each case starts from the accounts as stored. No Solana library is needed.
"""

import argparse
import base64
import importlib
import io
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, cast

from attrs import frozen

from bestfill.errors import plain
from bestfill_adapters.solana.account import Account, Refused
from bestfill_adapters.solana.market import Priced

VENUES: Final = ("raydium_cpmm", "raydium_clmm", "meteora_dlmm", "meteora_damm_v2")
VERDICTS: Final = ("exact", "differ", "refused as recorded", "wrongly quoted")
_CLMM_FEES: Final = frozenset({"protocol_fee", "fund_fee", "lp_fee"})


class BadFile(Exception):
    """A file is not one of recorded swaps; the message says where."""


class Replay(Protocol):
    """What each quoting module has: price a swap from accounts by address, and the roles that some of them have."""

    def __call__(
        self, accounts: Mapping[str, Account], roles: Mapping[str, object], *, forward: bool, amount_in: int, now: int
    ) -> Priced:
        """Price it, or raise Refused."""
        ...


@frozen(kw_only=True)
class Case:
    """A recorded swap. `amount_out` is None if the program refused it, for which `error` is its name.

    `fee` and `fee_on_output` are None where they were not recorded.
    """

    pool: str
    forward: bool
    amount_in: int
    now: int
    amount_out: int | None
    error: str
    fee: int | None
    fee_on_output: bool | None


@frozen(kw_only=True)
class Recording:
    """A file's contents; `pools` are roles by the pool's name."""

    venue: str
    accounts: Mapping[str, Account]
    pools: Mapping[str, Mapping[str, object]]
    cases: tuple[Case, ...]


def load(path: Path) -> Recording:
    """Read a file of recorded swaps.

    Raises:
        BadFile: it can't be read, or is not such a file.
    """
    try:
        found: object = json.loads(path.read_bytes())
    except OSError as error:
        raise BadFile(error.strerror or type(error).__name__) from None
    except (ValueError, RecursionError):
        raise BadFile("is not JSON") from None
    top = _object(found, "the file")
    if _whole(top, "format", "the file") != 1:
        raise BadFile("is of another format than 1")
    venue = _text(top, "venue", "the file")
    if venue not in VENUES:
        raise BadFile(f"is of another venue than {', '.join(VENUES)}")
    accounts = {address: _account(value, address) for address, value in _member(top, "accounts", "the file").items()}
    pools = {name: _pool(value, name, accounts) for name, value in _member(top, "pools", "the file").items()}
    cases = top.get("cases")
    if not isinstance(cases, list):
        raise BadFile('the file has no list "cases"')
    return Recording(
        venue=venue,
        accounts=accounts,
        pools=pools,
        cases=tuple(_case(value, f"case {number}", pools) for number, value in enumerate(cases, 1)),
    )


def quoting(venue: str) -> Replay:
    """Give a venue's way to price a recorded swap."""
    return cast("Replay", importlib.import_module(f"bestfill_adapters.solana.quoting.{venue}").replay)


def judge(price: Replay, recording: Recording, case: Case) -> tuple[str, str]:
    """Give the verdict on a case, and what the quote says of it.

    Raises:
        BadFile: the roles of the case's pool don't say what its venue needs.
    """
    try:
        priced = price(
            recording.accounts,
            recording.pools[case.pool],
            forward=case.forward,
            amount_in=case.amount_in,
            now=case.now,
        )
    except Refused as refusal:
        return "differ" if case.amount_out is not None else "refused as recorded", f"{refusal.name}: {refusal}"
    except ValueError as error:
        raise BadFile(f"pool {case.pool}: {error}") from None
    if case.amount_out is None:
        return "wrongly quoted", str(priced.amount_out)
    fee = None if case.fee is None else priced.fee
    fee_on_output = None if case.fee_on_output is None else priced.fee_on_output
    same = (priced.amount_out, fee, fee_on_output) == (case.amount_out, case.fee, case.fee_on_output)
    return "exact" if same else "differ", _outcome(priced.amount_out, fee, fee_on_output)


def main(arguments: Sequence[str]) -> int:
    """Replay one file; give 0 if every case comes out as recorded, 1 if not, 2 if it is no file of recorded swaps."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a pool's name may be in any script
    parser = argparse.ArgumentParser(
        prog="python -m bestfill_adapters.solana.replay",
        description="Hold quotes against recorded swaps. The last line counts; exits with 0 if all is as recorded.",
    )
    parser.add_argument("file", metavar="FILE.json", type=Path, help="recorded swaps of one venue")
    file: Path = parser.parse_args(arguments).file
    try:
        counts = _replay(load(file))
    except BadFile as error:
        print(f"{plain(str(file))}: {plain(str(error))}", file=sys.stderr)  # noqa: T201 - a command
        return 2
    print(", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS))  # noqa: T201
    return 1 if counts["differ"] or counts["wrongly quoted"] else 0


def _replay(recording: Recording) -> Counter[str]:
    price, counts = quoting(recording.venue), Counter[str]()
    for case in recording.cases:
        verdict, got = judge(price, recording, case)
        counts[verdict] += 1
        if verdict in ("differ", "wrongly quoted"):
            way = "forward" if case.forward else "backward"
            wanted = case.error or _outcome(case.amount_out, case.fee, case.fee_on_output)
            print(plain(f"{verdict}: {case.pool} {way} {case.amount_in}: expected {wanted}, got {got}"))  # noqa: T201
    return counts


def _outcome(amount_out: int | None, fee: int | None, fee_on_output: bool | None) -> str:
    side = {None: "", False: " of the input", True: " of the output"}[fee_on_output]
    return f"{amount_out}" if fee is None else f"{amount_out} (fee {fee}{side})"


def _account(value: object, address: str) -> Account:
    where = f"account {address}"
    parts = _object(value, where)
    try:
        data = base64.b64decode(_text(parts, "data", where, least=0), validate=True)
    except ValueError:
        raise BadFile(f"the data of {where} is not base64") from None
    return Account(_text(parts, "owner", where), data)


def _pool(value: object, name: str, accounts: Mapping[str, Account]) -> dict[str, object]:
    roles = _object(value, f"pool {name}")
    if _text(roles, "pool", f"pool {name}") not in accounts:
        raise BadFile(f"the account of pool {name} is missing")
    _whole(roles, "now", f"pool {name}")
    return roles


def _case(value: object, where: str, pools: Mapping[str, Mapping[str, object]]) -> Case:
    parts = _object(value, where)
    pool, forward, fee_on = _text(parts, "pool", where), parts.get("forward"), parts.get("fee_on")
    if pool not in pools:
        raise BadFile(f"the pool of {where} is missing")
    if not isinstance(forward, bool):
        raise BadFile(f'"forward" of {where} is neither true nor false')
    if fee_on not in (None, "in", "out"):
        raise BadFile(f'"fee_on" of {where} is neither "in" nor "out"')
    if ("amount_out" in parts) == ("error" in parts):
        raise BadFile(f'{where} must have either "amount_out" or "error"')
    return Case(
        pool=pool,
        forward=forward,
        amount_in=_whole(parts, "amount_in", where),
        now=_whole(parts if "now" in parts else pools[pool], "now", where),
        amount_out=_whole(parts, "amount_out", where) if "amount_out" in parts else None,
        error=_text(parts, "error", where) if "error" in parts else "",
        fee=_fee(parts, where),
        fee_on_output=None if fee_on is None else fee_on == "out",
    )


def _fee(case: Mapping[str, object], where: str) -> int | None:
    if "fee" in case:
        return _whole(case, "fee", where)
    # CLMM's is recorded in parts; of CPMM's the liquidity providers' part is not recorded.
    return sum(_whole(case, part, where) for part in _CLMM_FEES) if case.keys() >= _CLMM_FEES else None


def _object(value: object, what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise BadFile(f"{what} is not an object")
    return value


def _member(parts: Mapping[str, object], key: str, where: str) -> dict[str, object]:
    return _object(parts.get(key), f'"{key}" of {where}')


def _text(parts: Mapping[str, object], key: str, where: str, least: int = 1) -> str:
    value = parts.get(key)
    if not isinstance(value, str) or len(value) < least:
        raise BadFile(f'"{key}" of {where} is not a text')
    return value


def _whole(parts: Mapping[str, object], key: str, where: str) -> int:
    value = parts.get(key)
    if type(value) is not int or value < 0:
        raise BadFile(f'"{key}" of {where} is not a whole number')
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
