"""What the settings are, and their defaults."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import msgspec

from bestfill.units import Bps
from bestfill_adapters.limits.rate import Rate


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


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What one caller may ask for; None is no limit.

    `ip` counts requests from an address, `key` those of a credential, `orders` the orders and `sockets` the open
    sockets of a user.
    """

    ip: Rate | None = None
    key: Rate | None = None
    orders: Rate | None = None
    sockets: int | None = None


class MandateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's bounds; None is no bound. Tokens and venues are as they were written, amounts in display units."""

    max_price_impact_bps: Bps | None = None
    max_deviation_bps: Bps | None = None
    max_notional: tuple[tuple[str, str], ...] | None = None
    max_notional_day: tuple[tuple[str, str], ...] | None = None
    allow_tokens: tuple[str, ...] | None = None
    deny_tokens: tuple[str, ...] = ()
    allow_venues: tuple[str, ...] | None = None


class TelemetrySettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is told to operators, and where.

    `metrics_port` is a worker's, on the host of the settings; 0 takes any free one, None serves no metrics there.
    `otlp_endpoint` is the URL that takes traces; None makes none.
    """

    metrics_port: int | None = None
    otlp_endpoint: Hidden | None = None


class AccessSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who may ask: `auth` is none, keys or jwt. `hosts` are names of the API's own, `proxies` whom X-Forwarded-For is
    believed.
    """

    auth: str = "none"
    open_to_all: bool = False
    jwks: Path | None = None
    issuer: str | None = None
    audience: str | None = None
    hosts: tuple[str, ...] = ()
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()


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
    limits: LimitSettings = LimitSettings()
    access: AccessSettings = AccessSettings()
    mandate: MandateSettings = MandateSettings()
    mock: MockSettings = MockSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    solana: SolanaSettings | None = None
    """None unless BESTFILL_SOLANA_RPC is set."""
