"""What the settings are, and their defaults."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bestfill.units import Bps


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
