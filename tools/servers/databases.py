"""Databases on a PostgreSQL server, ours or one that a URL names. All calls block, in an event loop too."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4


def create_database(server_url: str, template: str = "template0") -> str:
    """Create a database of a new name, empty or a copy of another that has no connections, and return its URL."""
    name = f"test_{uuid4().hex}"
    _fetch(server_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


def drop_database(server_url: str, url: str) -> None:
    """Drop the database that the URL names, and end its connections. Nothing happens if there is none."""
    _fetch(server_url, f'DROP DATABASE IF EXISTS "{urlsplit(url).path[1:]}" WITH (FORCE)')


def cut_connections(server_url: str) -> int:
    """End all clients' connections to the server; return how many there were."""
    ended = _fetch(
        server_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    )
    return len(ended)


def _fetch(url: str, statement: str) -> list[Any]:
    import asyncpg

    async def fetch() -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()

    # A thread of its own, since the caller's may have a running event loop.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, fetch()).result()
