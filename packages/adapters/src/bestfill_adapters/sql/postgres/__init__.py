"""The store of the deployed mode: PostgreSQL 14 or newer."""

from bestfill_adapters.sql.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
