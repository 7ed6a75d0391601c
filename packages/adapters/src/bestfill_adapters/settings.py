"""Settings, read from the environment once and checked whole, before anything starts.

msgspec, which the store and the API need anyway, turns the text of each variable into bounded numbers.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from bestfill.errors import ValidationError
from bestfill.units import Bps, to_base_units

PPM: Final = 1_000_000
"""A whole, in parts per million."""

_PREFIX: Final = "BESTFILL_"
_LONGEST_MS: Final = 600_000
_LOG_LEVELS: Final = ("debug", "info", "warn", "error")
_LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_HOST_MAX_CHARS: Final = 253
_URL: Final = re.compile(r"https?://[!-~]+")
_PASTED_KEY: Final = re.compile(r"\[.*|[1-9A-HJ-NP-Za-km-z]{60,}", re.DOTALL)
_RANGE: Final = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


VENUE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a venue plugin may be called."""


class SettingsError(ValueError):
    """The environment is not valid; `problems` has one line for each variable, with the mend."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Hidden(str):
    """Text that may hold a password: its repr does not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<hidden>"


class MockSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the mock venues and network behave: ranges in milliseconds (lowest, highest), rates in parts per million.

    `seed` makes them repeatable; None draws one at each start.
    """

    quote_ms: tuple[int, int] = (2_000, 3_000)
    confirm_ms: tuple[int, int] = (2_000, 3_000)
    failure_rate: int = 0
    drop_rate: int = 0
    revert_rate: int = 0
    seed: str | None = None


class SolanaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How Solana is reached, and who trades: by `keypair` or `key`, and by neither where nothing is signed.

    `rpc_per_s` is to each endpoint, `max_priority_fee` in lamports a transaction. A dry run stops after simulation.
    """

    rpc: tuple[Hidden, ...]
    pools: Path
    keypair: Path | None = None
    key: Hidden | None = None
    rpc_per_s: int = 10
    fee_percentile: int = 75
    max_priority_fee: int = 100_000
    dry_run: bool = False


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings; the defaults are those of the embedded mode."""

    host: str = "127.0.0.1"
    port: int = 3000
    """0 takes any free port."""
    log_level: str = "info"
    database_url: Hidden | None = None
    redis_url: Hidden | None = None
    data_dir: Path = Path("var")
    concurrency: int = 10
    venues: tuple[str, ...] = ("mock_raydium", "mock_meteora")
    quote_timeout_ms: int = 5_000
    max_slippage_bps: Bps = Bps(1_000)
    order_ttl_ms: int = 300_000
    mock: MockSettings = MockSettings()
    solana: SolanaSettings | None = None
    """None unless BESTFILL_SOLANA_RPC is set."""


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings; a variable that is empty counts as unset.

    Raises:
        SettingsError: names every variable that is unknown or has a bad value, and how to mend it.
    """
    problems = [_unknown(name) for name in environ if name.startswith(_PREFIX) and name not in VARIABLES]
    values: dict[str, object] = {}
    for name, (field, read) in VARIABLES.items():
        if text := environ.get(name, "").strip():
            try:
                values[field] = read(text)
            except ValueError as error:
                shown = "" if read in _SECRET else f", not {text[:60]!r}"
                problems.append(f"{name}: {error}{shown}")
    given = {name for name in VARIABLES if environ.get(name, "").strip()}
    problems += _incomplete(given)
    if problems:
        raise SettingsError(problems)
    mock, solana = _taken(values, "mock."), _taken(values, "solana.")
    return Settings(
        mock=MockSettings(**mock),  # pyright: ignore[reportArgumentType]
        solana=SolanaSettings(**solana) if _RPC in given else None,  # pyright: ignore[reportArgumentType]
        **values,  # pyright: ignore[reportArgumentType]
    )


def _taken(values: dict[str, object], prefix: str) -> dict[str, object]:
    return {name.removeprefix(prefix): values.pop(name) for name in list(values) if name.startswith(prefix)}


def _incomplete(given: set[str]) -> list[str]:
    """Say what must be set besides what is given."""
    problems: list[str] = []
    for one, other in (("DATABASE_URL", "REDIS_URL"), ("REDIS_URL", "DATABASE_URL")):
        if one in given and other not in given:
            problems.append(f"{other}: must be set too, since {one} is; unset both for the embedded mode")
    of_solana = [name for name in (_KEYPAIR, _KEY, _POOLS) if name in given]
    if of_solana and _RPC not in given:
        problems.append(f"{_RPC}: must be set too, since {of_solana[0]} is; unset both for the mock chain")
    if _RPC in given and _POOLS not in given:
        problems.append(f"{_POOLS}: must be set too, since {_RPC} is: the path of the file that lists the pools")
    if {_KEYPAIR, _KEY} <= given:
        problems.append(f"{_KEY}: must not be set together with {_KEYPAIR}; unset one of them")
    return problems


def _unknown(name: str) -> str:
    known = {name.removeprefix(_PREFIX): name for name in VARIABLES}
    alike = get_close_matches(name.removeprefix(_PREFIX), known, n=1)
    return f"{name}: is not a setting; " + (f"did you mean {known[alike[0]]}?" if alike else "unset it")


def _whole(least: int, most: int, times: int = 1) -> Callable[[str], int]:
    number = Annotated[int, Meta(ge=least, le=most)]

    def read(text: str) -> int:
        try:
            return times * msgspec.convert(text, number, strict=False)
        except msgspec.ValidationError:
            raise ValueError(f"must be a whole number from {least} to {most}") from None

    return read


def _host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        labels = text.split(".")
        # What ends in a number can only be meant as an address, and is none.
        if len(text) <= _HOST_MAX_CHARS and all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdigit():
            return text
    raise ValueError("must be an IP address or a host name, such as 127.0.0.1, ::1 or localhost")


def _log_level(text: str) -> str:
    if (level := text.lower()) not in _LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(_LOG_LEVELS)}")
    return level


def _database_url(text: str) -> Hidden:
    if not re.match(r"postgres(ql)?(\+[a-z0-9]+)?://\S+$", text):
        raise ValueError("must be a URL such as postgresql://user:password@host:5432/name")
    return Hidden(text)


def _redis_url(text: str) -> Hidden:
    if not re.match(r"(rediss?|valkeys?|unix)://\S+$", text):
        raise ValueError("must be a URL such as redis://host:6379/0")
    return Hidden(text)


def _folder(text: str) -> Path:
    if not text.isprintable():
        raise ValueError("must be the path of a folder")
    return Path(text)


def _venues(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if len(set(names)) != len(names) or not all(VENUE_NAME.fullmatch(name) for name in names):
        raise ValueError("must be names of venue plugins, each once, parted by commas")
    return names


def _percent(text: str) -> Bps:
    return Bps(_scaled(text, 2, 9_999, "must be a percentage from 0 to 99.99 with at most 2 decimals"))


def _rate(text: str) -> int:
    return _scaled(text, 6, PPM, "must be a number from 0 to 1 with at most 6 decimals, such as 0.05")


def _scaled(text: str, places: int, most: int, mend: str) -> int:
    """Read decimal text exactly, as an integer number of its `places`-th decimals."""
    try:
        number = to_base_units(text, places)
    except ValidationError:
        raise ValueError(mend) from None
    if number > most:
        raise ValueError(mend)
    return number


def _range_ms(text: str) -> tuple[int, int]:
    if match := _RANGE.fullmatch(text):
        lowest, highest = int(match[1]), int(match[2] or match[1])
        if lowest <= highest <= _LONGEST_MS:
            return lowest, highest
    raise ValueError(f'must be a range such as "2000-3000", or one number, of at most {_LONGEST_MS} milliseconds')


def _seed(text: str) -> str:
    if len(text) > 64 or not text.isprintable():
        raise ValueError("must be at most 64 printable characters")
    return text


def _solana_rpc(text: str) -> tuple[Hidden, ...]:
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


def _solana_keypair(text: str) -> Path:
    if _PASTED_KEY.fullmatch(text):
        raise ValueError(f"must be the path of a keypair file; a key itself goes into {_KEY}")
    if not text.isprintable():
        raise ValueError("must be the path of a keypair file")
    return Path(text)


def _solana_key(text: str) -> Hidden:
    if len(text) > _KEY_MAX_CHARS or not _PASTED_KEY.fullmatch(text):
        raise ValueError("must be a key of 64 bytes: base58, or a JSON array as solana-keygen writes it")
    return Hidden(text)


def _file(text: str) -> Path:
    if not text.isprintable():
        raise ValueError("must be the path of a file")
    return Path(text)


def _switch(text: str) -> bool:
    if (word := text.lower()) not in {"true", "false"}:
        raise ValueError("must be true or false")
    return word == "true"


_SECRET: Final = (_database_url, _redis_url, _solana_rpc, _solana_keypair, _solana_key)
"""What reads text that is never shown. Into the place of a key file's path, somebody may paste the key."""
_KEY_MAX_CHARS: Final = 1_000
_RPC: Final = "BESTFILL_SOLANA_RPC"
_KEYPAIR: Final = "BESTFILL_SOLANA_KEYPAIR"
_KEY: Final = "BESTFILL_SOLANA_KEY"
_POOLS: Final = "BESTFILL_SOLANA_POOLS"

VARIABLES: Final[Mapping[str, tuple[str, Callable[[str], object]]]] = {
    "HOST": ("host", _host),
    "PORT": ("port", _whole(0, 65_535)),
    "LOG_LEVEL": ("log_level", _log_level),
    "DATABASE_URL": ("database_url", _database_url),
    "REDIS_URL": ("redis_url", _redis_url),
    "BESTFILL_DATA_DIR": ("data_dir", _folder),
    "BESTFILL_CONCURRENCY": ("concurrency", _whole(1, 10_000)),
    "BESTFILL_VENUES": ("venues", _venues),
    "BESTFILL_QUOTE_TIMEOUT_MS": ("quote_timeout_ms", _whole(1, _LONGEST_MS)),
    "BESTFILL_MAX_SLIPPAGE": ("max_slippage_bps", _percent),
    "BESTFILL_ORDER_TTL_S": ("order_ttl_ms", _whole(1, 86_400, times=1_000)),
    "BESTFILL_MOCK_QUOTE_MS": ("mock.quote_ms", _range_ms),
    "BESTFILL_MOCK_CONFIRM_MS": ("mock.confirm_ms", _range_ms),
    "BESTFILL_MOCK_FAILURE_RATE": ("mock.failure_rate", _rate),
    "BESTFILL_MOCK_DROP_RATE": ("mock.drop_rate", _rate),
    "BESTFILL_MOCK_REVERT_RATE": ("mock.revert_rate", _rate),
    "BESTFILL_MOCK_SEED": ("mock.seed", _seed),
    _RPC: ("solana.rpc", _solana_rpc),
    _KEYPAIR: ("solana.keypair", _solana_keypair),
    _KEY: ("solana.key", _solana_key),
    _POOLS: ("solana.pools", _file),
    "BESTFILL_SOLANA_RPC_PER_S": ("solana.rpc_per_s", _whole(1, 10_000)),
    "BESTFILL_SOLANA_FEE_PERCENTILE": ("solana.fee_percentile", _whole(0, 100)),
    "BESTFILL_SOLANA_MAX_PRIORITY_FEE": ("solana.max_priority_fee", _whole(0, 1_000_000_000)),
    "BESTFILL_SOLANA_DRY_RUN": ("solana.dry_run", _switch),
}
"""Each variable of the environment: its field, and what reads its text."""
