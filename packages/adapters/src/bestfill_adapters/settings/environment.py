"""Reads the settings from the environment, once and whole, before anything starts."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final

import msgspec

from bestfill_adapters.settings import solana, texts
from bestfill_adapters.settings.model import MockSettings, Settings, SettingsError, SolanaSettings

_PREFIX: Final = "BESTFILL_"
_SECRET: Final = (texts.database_url, texts.redis_url, solana.rpc, solana.keypair, solana.key)
"""What reads text that is never shown."""

VARIABLES: Final[Mapping[str, tuple[str, Callable[[str], object]]]] = {
    "HOST": ("host", texts.host),
    "PORT": ("port", texts.whole(0, 65_535)),
    "LOG_LEVEL": ("log_level", texts.log_level),
    "DATABASE_URL": ("database_url", texts.database_url),
    "REDIS_URL": ("redis_url", texts.redis_url),
    "BESTFILL_DATA_DIR": ("data_dir", texts.folder),
    "BESTFILL_CONCURRENCY": ("concurrency", texts.whole(1, 10_000)),
    "BESTFILL_VENUES": ("venues", texts.venues),
    "BESTFILL_QUOTE_TIMEOUT_MS": ("quote_timeout_ms", texts.whole(1, texts.LONGEST_MS)),
    "BESTFILL_MAX_SLIPPAGE": ("max_slippage_bps", texts.percent),
    "BESTFILL_ORDER_TTL_S": ("order_ttl_ms", texts.whole(1, 86_400, times=1_000)),
    "BESTFILL_MOCK_QUOTE_MS": ("mock.quote_ms", texts.range_ms),
    "BESTFILL_MOCK_CONFIRM_MS": ("mock.confirm_ms", texts.range_ms),
    "BESTFILL_MOCK_FAILURE_RATE": ("mock.failure_rate", texts.rate),
    "BESTFILL_MOCK_DROP_RATE": ("mock.drop_rate", texts.rate),
    "BESTFILL_MOCK_REVERT_RATE": ("mock.revert_rate", texts.rate),
    "BESTFILL_MOCK_SEED": ("mock.seed", texts.seed),
    solana.RPC: ("solana.rpc", solana.rpc),
    solana.KEYPAIR: ("solana.keypair", solana.keypair),
    solana.KEY: ("solana.key", solana.key),
    solana.POOLS: ("solana.pools", texts.file),
    "BESTFILL_SOLANA_RPC_PER_S": ("solana.rpc_per_s", texts.whole(1, 10_000)),
    "BESTFILL_SOLANA_FEE_PERCENTILE": ("solana.fee_percentile", texts.whole(0, 100)),
    "BESTFILL_SOLANA_MAX_PRIORITY_FEE": ("solana.max_priority_fee", texts.whole(0, 1_000_000_000)),
    solana.DRY_RUN: ("solana.dry_run", texts.switch),
}
"""Each variable of the environment: its field, and what reads its text."""

OF_THE_COMMAND_LINE: Final = ("BESTFILL_URL", "BESTFILL_USER")
"""Known names that the services ignore: the command `bestfill` reads them, and may share their environment."""
_KNOWN: Final = (*VARIABLES, *OF_THE_COMMAND_LINE)


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings; a variable that is empty counts as unset.

    Raises:
        SettingsError: names every variable that is unknown or has a bad value, and how to mend it.
    """
    problems = [_unknown(name) for name in environ if name.startswith(_PREFIX) and name not in _KNOWN]
    values: dict[str, object] = {}
    for name, (field, read) in VARIABLES.items():
        if text := environ.get(name, "").strip():
            try:
                values[field] = read(text)
            except ValueError as error:
                shown = "" if read in _SECRET else f", not {text[:60]!r}"
                problems.append(f"{name}: {error}{shown}")
    given = {name for name in VARIABLES if environ.get(name, "").strip()}
    for one, other in (("DATABASE_URL", "REDIS_URL"), ("REDIS_URL", "DATABASE_URL")):
        if one in given and other not in given:
            problems.append(f"{other}: must be set too, since {one} is; unset both for the embedded mode")
    problems += solana.lacking(given, dry_run=values.get("solana.dry_run") is True)
    if problems:
        raise SettingsError(problems)
    of_mock, of_solana = _taken(values, "mock."), _taken(values, "solana.")
    return Settings(
        mock=MockSettings(**of_mock),  # pyright: ignore[reportArgumentType]
        solana=SolanaSettings(**of_solana) if solana.RPC in given else None,  # pyright: ignore[reportArgumentType]
        **values,  # pyright: ignore[reportArgumentType]
    )


def differing(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the variables that are set otherwise than by default, as text; of what may be secret, only that it is set.

    The environment must be one that `load` takes.
    """
    kinds: tuple[tuple[str, Any], ...] = (("", Settings), ("mock.", MockSettings), ("solana.", SolanaSettings))
    defaults = {prefix + f.name: f.default for prefix, kind in kinds for f in msgspec.structs.fields(kind)}
    found: dict[str, str] = {}
    for name, (field, read) in VARIABLES.items():
        if (text := environ.get(name, "").strip()) and read(text) != defaults[field]:
            found[name] = "<hidden>" if read in _SECRET else text
    return found


def _taken(values: dict[str, object], prefix: str) -> dict[str, object]:
    return {name.removeprefix(prefix): values.pop(name) for name in list(values) if name.startswith(prefix)}


def _unknown(name: str) -> str:
    known = {name.removeprefix(_PREFIX): name for name in _KNOWN}
    alike = get_close_matches(name.removeprefix(_PREFIX), known, n=1)
    return f"{name}: is not a setting; " + (f"did you mean {known[alike[0]]}?" if alike else "unset it")
