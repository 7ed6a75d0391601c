"""JSON-RPC to Solana nodes."""

from bestfill_adapters.solana.rpc.client import ACCOUNTS_MAX, STATUSES_MAX, Rpc

__all__ = ["ACCOUNTS_MAX", "STATUSES_MAX", "Rpc"]
