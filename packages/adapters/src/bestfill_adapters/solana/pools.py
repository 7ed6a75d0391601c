"""The pools file: which pools each venue trades in, and what tokens that are not well known are called."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from attrs import field, frozen

from bestfill.errors import ValidationError
from bestfill.units import base58_decode
from bestfill_adapters.settings import VENUE_NAME, SettingsError
from bestfill_adapters.settings.solana import POOLS

_MAX_BYTES: Final = 1_000_000
_ADDRESS_MAX_CHARS: Final = 44
_SYMBOL_MAX_CHARS: Final = 32
_SHAPE: Final = '{"pools": [{"venue": "raydium_cpmm", "address": "<base58>"}], "symbols": {"<mint>": "<symbol>"}}'

T = TypeVar("T")


@frozen
class PoolEntry:
    """A pool, and the venue that it is of; `options` are for the venue alone to read and check.

    `address` is empty if it follows from `mints`, and from a `config`, if that is not empty.
    """

    venue: str
    address: str = ""
    options: Mapping[str, Any] = field(factory=dict[str, Any], repr=False)
    mints: tuple[str, ...] = ()
    config: str = ""


@frozen
class Pools:
    """What the pools file says: the pools in its order, and symbols by mint."""

    pools: tuple[PoolEntry, ...]
    symbols: Mapping[str, str]


def read_pools(path: Path) -> Pools:
    """Read the pools file.

    Raises:
        SettingsError: it can't be read, or is not right; each problem names the entry, and the mend.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise pools_error(f"the file {str(path)!r} can't be read: {reason or type(error).__name__}") from None
    if len(content) > _MAX_BYTES:
        raise pools_error(f"the file must have at most {_MAX_BYTES:,} bytes")
    return parse_pools(content)


def parse_pools(content: bytes) -> Pools:
    """Read the text of a pools file; raises likewise."""
    try:
        top = json.loads(content, object_pairs_hook=_each_once, parse_constant=_no_number)
    except _Twice as error:
        raise pools_error(f"{error.args[0]!r} stands twice in one object; take one out") from None
    except (ValueError, RecursionError):
        raise pools_error(f"the file must be JSON such as {_SHAPE}") from None
    if type(top) is not dict or not {"pools"} <= top.keys() <= {"pools", "symbols"}:
        raise pools_error(f"the file must be like {_SHAPE}")
    problems: list[str] = []
    pools = _entries(top["pools"], list, _pools, problems, 'pools: must be a list such as [{"venue": …, "address": …}]')
    symbols = _entries(top.get("symbols", {}), dict, _symbols, problems, "symbols: must be an object of mints")
    if not problems and not pools:
        problems.append("pools: must have at least one entry")
    if problems or pools is None or symbols is None:
        raise pools_error(*problems)
    return Pools(tuple(pools), symbols)


def _entries(value: Any, kind: type, read: Callable[[Any, list[str]], T], problems: list[str], mend: str) -> T | None:
    if type(value) is kind:
        return read(value, problems)
    problems.append(mend)
    return None


def _pools(entries: list[Any], problems: list[str]) -> list[PoolEntry]:
    pools: list[PoolEntry] = []
    places: dict[str, int] = {}
    for place, entry in enumerate(entries):
        where = f"pools[{place}]"
        named = type(entry) is dict and {"venue", "address"} <= entry.keys() <= {"venue", "address", "options"}
        if not named and not (
            type(entry) is dict and {"venue", "mints"} <= entry.keys() <= {"venue", "mints", "config"}
        ):
            mend = 'or its "mints" and, for most venues, its "config", by which the address is found'
            problems.append(f'{where}: must have a "venue" and an "address", and nothing else but "options"; {mend}')
            continue
        found = len(problems)
        venue, address, options = entry["venue"], entry.get("address", ""), entry.get("options", {})
        mints, config = entry.get("mints", []), entry.get("config", "")
        if type(venue) is not str or not VENUE_NAME.fullmatch(venue):
            problems.append(f"{where}.venue: must be a venue's name, such as raydium_cpmm")
        if not named and (type(mints) is not list or len(mints) != 2 or mints[0] == mints[1]):
            problems.append(f"{where}.mints: must be a list of two different mints")
            mints = []
        addresses = {"address": address} if named else {f"mints[{n}]": mint for n, mint in enumerate(mints)}
        for name, text in (addresses | ({"config": config} if "config" in entry else {})).items():
            if (wrong := _wrong_address(text)) is not None:
                problems.append(f"{where}.{name}: {wrong}")
        if type(options) is not dict:
            problems.append(f"{where}.options: must be an object of the venue's own options")
        if len(problems) == found:
            if named and address in places:
                problems.append(f"{where}.address: is that of pools[{places[address]}] too; take one out")
            places.setdefault(address, place)
            pools.append(PoolEntry(venue, address, options, tuple(mints), config))
    return pools


def _symbols(entries: dict[str, Any], problems: list[str]) -> dict[str, str]:
    symbols: dict[str, str] = {}
    names = Counter(name for name in entries.values() if type(name) is str)
    for mint, name in entries.items():
        where = f"symbols[{mint[:_ADDRESS_MAX_CHARS]!r}]"
        if (wrong := _wrong_address(mint)) is not None:
            problems.append(f"{where}: {wrong}")
        elif type(name) is not str or not 0 < len(name) <= _SYMBOL_MAX_CHARS or not _printable(name):
            problems.append(f"{where}: must be text without spaces, of 1 to {_SYMBOL_MAX_CHARS} characters")
        elif names[name] > 1:
            problems.append(f"{where}: is the symbol of another mint too; change one")
        else:
            symbols[mint] = name
    return symbols


def _wrong_address(text: object) -> str | None:
    if type(text) is not str or len(text) > _ADDRESS_MAX_CHARS:
        return "must be an address: base58 of 32 bytes"
    try:
        size = len(base58_decode(text))
    except ValidationError as error:
        return error.reason
    return None if size == 32 else f"must be an address: base58 of 32 bytes, not {size}"


def _printable(name: str) -> bool:
    return name.isprintable() and not any(c.isspace() for c in name)


class _Twice(Exception):
    """A name stands twice in an object."""


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    names = Counter(name for name, _ in pairs)
    if len(names) != len(pairs):
        raise _Twice(names.most_common(1)[0][0][:_ADDRESS_MAX_CHARS])
    return dict(pairs)


def _no_number(_: str) -> NoReturn:
    raise ValueError


def pools_error(*problems: str) -> SettingsError:
    """Make the error of a pools file, whose problems each say the entry and the mend."""
    return SettingsError([f"{POOLS}: {problem}" for problem in problems])
