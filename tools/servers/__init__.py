"""PostgreSQL and Valkey on loopback, for tests, benches and `./dev full`: no container, nothing left behind."""

from tools.servers.errors import ServerError
from tools.servers.postgres import Postgres
from tools.servers.valkey import Valkey

__all__ = ["Postgres", "ServerError", "Valkey"]
