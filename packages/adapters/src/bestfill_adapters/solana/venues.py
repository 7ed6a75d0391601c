"""The factories of the venues on Solana, as the entry points of `bestfill.venues` name them."""

from pathlib import Path

import msgspec

from bestfill.units import Mint
from bestfill_adapters.plugins import VenueContext
from bestfill_adapters.settings import SettingsError
from bestfill_adapters.solana.gateway import Gateway
from bestfill_adapters.solana.market import Market
from bestfill_adapters.solana.markets.meteora_damm_v2 import MeteoraDammV2
from bestfill_adapters.solana.markets.meteora_dlmm import MeteoraDlmm
from bestfill_adapters.solana.markets.raydium_clmm import RaydiumClmm
from bestfill_adapters.solana.markets.raydium_cpmm import RaydiumCpmm
from bestfill_adapters.solana.markets.transfer_pool import TransferPool, TransferPoolEntry
from bestfill_adapters.solana.pools import PoolEntry, pools_error
from bestfill_adapters.solana.signer import KeypairSigner
from bestfill_adapters.solana.venue import SolanaVenue


class _TransferPoolOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keypair: str
    mints: tuple[Mint, Mint]
    fee_bps: int


def raydium_cpmm(context: VenueContext) -> SolanaVenue:
    """Make the venue of Raydium's constant-product pools."""
    return _venue(context, RaydiumCpmm())


def raydium_clmm(context: VenueContext) -> SolanaVenue:
    """Make the venue of Raydium's concentrated pools."""
    return _venue(context, RaydiumClmm())


def meteora_dlmm(context: VenueContext) -> SolanaVenue:
    """Make the venue of Meteora's binned pools."""
    return _venue(context, MeteoraDlmm())


def meteora_damm_v2(context: VenueContext) -> SolanaVenue:
    """Make the venue of Meteora's DAMM v2 pools."""
    return _venue(context, MeteoraDammV2())


def transfer_pool_a(context: VenueContext) -> SolanaVenue:
    """Make the first venue of the local cluster."""
    return _transfer_pools(context, "transfer_pool_a")


def transfer_pool_b(context: VenueContext) -> SolanaVenue:
    """Make the second venue of the local cluster."""
    return _transfer_pools(context, "transfer_pool_b")


def _transfer_pools(context: VenueContext, name: str) -> SolanaVenue:
    way = gateway(context, name)
    entries = way.pools(name)
    try:
        market = TransferPool(name, [_transfer_pool(entry) for entry in entries])
    except ValueError as error:
        raise pools_error(str(error)) from error
    return way.venue(market)


def _transfer_pool(entry: PoolEntry) -> TransferPoolEntry:
    try:
        options = msgspec.convert(entry.options, _TransferPoolOptions)
    except msgspec.ValidationError as error:
        raise ValueError(f"the options of the pool {entry.address}: {error}") from error
    try:
        cosigner = KeypairSigner.from_file(Path(options.keypair))
    except SettingsError as error:
        # Its problem begins with the variable of the wallet's own keypair file.
        reason = error.problems[0].partition(": ")[2]
        raise ValueError(f"the keypair file of the pool {entry.address}: {reason}") from None
    if cosigner.address != entry.address:
        raise ValueError(f"the pool {entry.address} has the keypair of {cosigner.address}")
    return TransferPoolEntry(cosigner=cosigner, mints=options.mints, fee_bps=options.fee_bps)


def _venue(context: VenueContext, market: Market) -> SolanaVenue:
    way = gateway(context, market.name)
    for entry in way.pools(market.name):
        if entry.options:
            raise pools_error(f"the pool {entry.address} takes no options; take them out")
    return way.venue(market)


def gateway(context: VenueContext, name: str) -> Gateway:
    """Give the way to the chain.

    Raises:
        SettingsError: none is configured.
    """
    if context.solana is None:
        raise SettingsError([f"{name} trades on Solana: set BESTFILL_SOLANA_RPC and the variables that go with it"])
    return context.solana
