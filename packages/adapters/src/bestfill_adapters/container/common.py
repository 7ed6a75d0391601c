"""What both modes make in the same way."""

import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from bestfill.policy import ExecutionPolicy
from bestfill.ports import Clock, Venue
from bestfill_adapters.mock.network import MockNetwork
from bestfill_adapters.settings import Settings, SettingsError

if TYPE_CHECKING:
    from bestfill_adapters.solana.gateway import Gateway
    from bestfill_adapters.solana.network import SolanaNetwork
    from bestfill_adapters.telemetry.instruments import Instruments
    from bestfill_adapters.telemetry.otel import OtelTelemetry

SOLANA_POLL_MS = (500, 2_000)
"""The first and the longest wait between two looks at a swap, which takes some 13 s to become final."""


def make_policy(settings: Settings) -> ExecutionPolicy:
    """Make the policy that the settings ask for."""
    policy = ExecutionPolicy(
        max_slippage_bps=settings.max_slippage_bps,
        order_ttl_ms=settings.order_ttl_ms,
        quote_timeout_ms=settings.quote_timeout_ms,
    )
    if (solana := settings.solana) is None:
        return policy
    first_ms, longest_ms = SOLANA_POLL_MS
    return evolve(
        policy,
        build_timeout_ms=10_000,  # six questions, each of which may have to go to a second node
        network_timeout_ms=9_000,  # a height and then a status, likewise
        first_poll_ms=first_ms,
        longest_poll_ms=longest_ms,
        # A look is two questions; half of what the nodes take is left for sends and quotes.
        polls_per_s=max(1, solana.rpc_per_s * len(solana.rpc) // 4),
    )


def make_seed(settings: Settings) -> str:
    """Give the mocks' seed, or draw one.

    Processes need not have the same one: a quote's payload says all of it, and what became of a swap is in the ledger.
    """
    return settings.mock.seed or secrets.token_hex(16)


def make_gateway(settings: Settings, clock: Clock) -> "Gateway | None":
    """Make the way to Solana, or None for the mock chain.

    Raises:
        SettingsError: the pools file can't be used, or the libraries for it are not installed.
    """
    if settings.solana is None:
        return None
    try:
        from bestfill_adapters.solana.gateway import Gateway
    except ImportError as error:
        mend = "install bestfill-adapters[solana], or unset this"
        raise SettingsError([f"BESTFILL_SOLANA_RPC: {error.name} is not installed: {mend}"]) from error

    return Gateway(settings.solana, clock)


def make_network(
    settings: Settings, venues: Sequence[Venue], gateway: "Gateway | None", mock: Callable[[], MockNetwork]
) -> "MockNetwork | SolanaNetwork":
    """Make the network on which all of these venues trade.

    Raises:
        SettingsError: one of them trades on another, or the key can't be used.
    """
    if gateway is None or settings.solana is None:
        return mock()
    from bestfill_adapters.solana.signer import make_signer
    from bestfill_adapters.solana.venue import SolanaVenue

    loaded = zip(settings.venues, venues, strict=True)  # a plugin may be called otherwise than its venue
    if others := ", ".join(name for name, venue in loaded if not isinstance(venue, SolanaVenue)):
        mend = "name only venues that do, such as raydium_cpmm, or unset BESTFILL_SOLANA_RPC"
        raise SettingsError([f"BESTFILL_VENUES: {others}: does not trade on Solana; {mend}"])
    return gateway.network(make_signer(settings.solana))


def make_instruments(settings: Settings, venues: Sequence[Venue]) -> "Instruments":
    """Make what shows a process to its operators; only one that has an engine needs the libraries for it.

    Raises:
        SettingsError: traces are asked for, and the libraries for them are not installed.
    """
    from bestfill_adapters.telemetry.instruments import Instruments

    return Instruments([venue.name for venue in venues], _make_traces(settings.telemetry.otlp_endpoint))


def _make_traces(endpoint: str | None) -> "OtelTelemetry | None":
    if endpoint is None:
        return None
    try:
        from bestfill_adapters.telemetry.otel import OtelTelemetry, collector
    except ImportError as error:
        mend = "install bestfill-adapters[otel], or unset this"
        raise SettingsError([f"BESTFILL_OTLP_ENDPOINT: {error.name} is not installed: {mend}"]) from error

    return OtelTelemetry(collector(endpoint))


def check_key(settings: Settings) -> None:
    """See that a process that is to execute orders has what it takes to sign.

    Raises:
        SettingsError: Solana is set, and no key is.
    """
    if settings.solana is not None and settings.solana.key is settings.solana.keypair is None:
        raise SettingsError(
            ["BESTFILL_SOLANA_KEYPAIR: must be set for whoever executes orders; or set BESTFILL_SOLANA_KEY"]
        )
