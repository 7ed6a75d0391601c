"""Reads the settings from the environment, once and whole, before anything starts."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final

import msgspec

from bestfill import mandate as rules
from bestfill_adapters.settings import access, limits, mandate, solana, telemetry, texts
from bestfill_adapters.settings.model import (
    AccessSettings,
    MandateSettings,
    MockSettings,
    Settings,
    SettingsError,
    SolanaSettings,
    TelemetrySettings,
)

_PREFIX: Final = "BESTFILL_"
_SECRET: Final = (
    texts.database_url,
    texts.redis_url,
    solana.rpc,
    solana.keypair,
    solana.key,
    telemetry.otlp_endpoint,
)
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
    rules.MAX_PRICE_IMPACT: ("mandate.max_price_impact_bps", texts.percent),
    rules.MAX_DEVIATION: ("mandate.max_deviation_bps", texts.percent),
    rules.MAX_NOTIONAL: ("mandate.max_notional", mandate.amounts),
    rules.MAX_NOTIONAL_DAY: ("mandate.max_notional_day", mandate.amounts),
    rules.ALLOW_TOKENS: ("mandate.allow_tokens", mandate.tokens),
    rules.DENY_TOKENS: ("mandate.deny_tokens", mandate.tokens),
    rules.ALLOW_VENUES: ("mandate.allow_venues", texts.venues),
    "BESTFILL_LIMIT_IP": ("limits.ip", limits.rate),
    "BESTFILL_LIMIT_KEY": ("limits.key", limits.rate),
    "BESTFILL_LIMIT_ORDERS": ("limits.orders", limits.rate),
    "BESTFILL_LIMIT_SOCKETS": ("limits.sockets", limits.places),
    access.AUTH: ("access.auth", access.auth),
    access.OPEN_TO_ALL: ("access.open_to_all", texts.switch),
    access.JWKS: ("access.jwks", texts.file),
    access.ISSUER: ("access.issuer", access.claim),
    access.AUDIENCE: ("access.audience", access.claim),
    access.HOSTS: ("access.hosts", access.hosts),
    access.TRUSTED_PROXIES: ("access.proxies", access.networks),
    "BESTFILL_MOCK_QUOTE_MS": ("mock.quote_ms", texts.range_ms),
    "BESTFILL_MOCK_CONFIRM_MS": ("mock.confirm_ms", texts.range_ms),
    "BESTFILL_MOCK_FAILURE_RATE": ("mock.failure_rate", texts.rate),
    "BESTFILL_MOCK_DROP_RATE": ("mock.drop_rate", texts.rate),
    "BESTFILL_MOCK_REVERT_RATE": ("mock.revert_rate", texts.rate),
    "BESTFILL_MOCK_SEED": ("mock.seed", texts.seed),
    telemetry.METRICS_PORT: ("telemetry.metrics_port", texts.whole(0, 65_535)),
    telemetry.OTLP_ENDPOINT: ("telemetry.otlp_endpoint", telemetry.otlp_endpoint),
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

OF_THE_COMMAND_LINE: Final = ("BESTFILL_URL", "BESTFILL_USER", "BESTFILL_KEY")
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
    problems += access.lacking(given, values.get("access.auth"))
    problems += solana.lacking(given, dry_run=values.get("solana.dry_run") is True)
    if problems:
        raise SettingsError(problems)
    of_mock, of_solana = _taken(values, "mock."), _taken(values, "solana.")
    of_access, of_limits = _taken(values, "access."), _taken(values, "limits.")
    of_telemetry, of_mandate = _taken(values, "telemetry."), _taken(values, "mandate.")
    return Settings(
        limits=limits.limits(of_limits, known_callers=of_access.get("auth", "none") != "none"),
        access=AccessSettings(**of_access),  # pyright: ignore[reportArgumentType]
        mandate=MandateSettings(**of_mandate),  # pyright: ignore[reportArgumentType]
        mock=MockSettings(**of_mock),  # pyright: ignore[reportArgumentType]
        telemetry=TelemetrySettings(**of_telemetry),  # pyright: ignore[reportArgumentType]
        solana=SolanaSettings(**of_solana) if solana.RPC in given else None,  # pyright: ignore[reportArgumentType]
        **values,  # pyright: ignore[reportArgumentType]
    )


def differing(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the variables that are set otherwise than by default, as text; of what may be secret, only that it is set.

    The environment must be one that `load` takes.
    """
    kinds: tuple[tuple[str, Any], ...] = (
        ("", Settings),
        ("access.", AccessSettings),
        ("mandate.", MandateSettings),
        ("mock.", MockSettings),
        ("telemetry.", TelemetrySettings),
        ("solana.", SolanaSettings),
    )
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
