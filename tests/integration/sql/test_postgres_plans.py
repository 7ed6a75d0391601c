"""No read or write of PostgreSQL's store scans a table, however the tables have grown."""

import asyncio
import re
from contextlib import asynccontextmanager

import asyncpg
import pytest

from bestfill.testing import samples
from bestfill.testing.samples import new_order
from bestfill_adapters.sql.migrate import migrate
from bestfill_adapters.sql.postgres import session, statements
from bestfill_adapters.sql.postgres.address import Address
from bestfill_adapters.sql.postgres.placing import Placement, Placing
from tools.servers.databases import create_database, drop_database

STATEMENTS = {
    name: text for name, text in vars(statements).items() if name.isupper() and name[0] != "_" and isinstance(text, str)
}
SMALL = {"order_counts", "alembic_version"}
INDEXES = {
    "CLAIM_DUE": "ix_orders_due",
    "SELECT_PAGE": "ix_orders_of_user",
    "SELECT_COUNTS": "ix_orders_retrying",
    "SELECT_USER_EVENTS": "uq_order_events_user_id_user_seq",
    "SELECT_EVENTS": "pk_order_events",
    "MOVE": "pk_orders",
}


@pytest.fixture(scope="module")
def crowded(one_postgres):
    """Give a database with 20,000 orders of few users, all but a few of them at their end."""
    url = create_database(one_postgres.url)
    migrate(url)
    asyncio.run(fill(url))
    yield url
    drop_database(one_postgres.url, url)


async def fill(url: str) -> None:
    one = session.Session(Address(url))
    news = [new_order(n, samples.request(user_id=f"user-{n % 20}")) for n in range(200)]
    await Placing(1).write(one, [Placement(*new, None) for new in news])
    await one.close()
    async with connected(url, {}) as connection:
        names = [c.name for c in statements.orders.c]
        copied = ", ".join("gen_random_uuid()" if n == "id" else f'"{n}"' for n in names)
        for _ in range(7):
            await connection.execute(f"INSERT INTO orders SELECT {copied} FROM orders LIMIT 3000")
        await connection.execute(
            "UPDATE orders SET status = 'confirmed', completed_at = 1 WHERE id NOT IN (SELECT id FROM orders LIMIT 40)"
        )
        await connection.execute(
            "INSERT INTO order_events SELECT id, 1, user_id, row_number() OVER (PARTITION BY user_id) + 1000, status,"
            " attempt, '{}', updated_at, event_hash FROM orders ON CONFLICT DO NOTHING"
        )
        await connection.execute(
            "INSERT INTO order_executions (order_id, attempt, quotes, route, started_at)"
            " SELECT id, 1, '[]', '[]', created_at FROM orders"
        )
        await connection.execute("INSERT INTO order_failures SELECT id, 1, 'EXPIRED', 'r', '{}', 1 FROM orders")
        await connection.execute("INSERT INTO idempotency_keys SELECT user_id, id::text, 'd', id, 1 FROM orders")
        await connection.execute("INSERT INTO user_streams SELECT 'u' || n, 1, 1 FROM generate_series(1, 5000) AS n")
        await connection.execute("VACUUM ANALYZE")


@asynccontextmanager
async def connected(url: str, settings: dict[str, str]):
    connection = await asyncpg.connect(url, server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close()


def generic(text: str) -> str:
    """Write a statement as one that is prepared, with all its parameters null."""
    count = max(map(int, re.findall(r"\$(\d+)", text)), default=0)
    return f"({', '.join(['NULL'] * count)})" if count else ""


async def plan(url: str, text: str, settings: dict[str, str]) -> str:
    async with connected(url, {"plan_cache_mode": "force_generic_plan", **settings}) as connection:
        await connection.execute(f"PREPARE it AS {text}")
        return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE it{generic(text)}"))


@pytest.mark.parametrize("settings", [{}, session.SETTINGS], ids=["by default", "as the store has it"])
@pytest.mark.parametrize("name", STATEMENTS)
async def test_no_statement_scans_a_table(crowded, name, settings):
    text = await plan(crowded, STATEMENTS[name], settings)
    assert set(re.findall(r"Seq Scan on (\w+)", text)) <= SMALL, text
    assert INDEXES.get(name, "") in text, text


async def test_the_plans_are_the_same_where_nothing_is_stored_yet(migrated_url):
    """They are made once a connection, maybe on the first day."""
    for text in STATEMENTS.values():
        assert set(re.findall(r"Seq Scan on (\w+)", await plan(migrated_url, text, session.SETTINGS))) <= SMALL


async def test_a_page_needs_no_sorting_and_its_total_no_counting(crowded):
    text = await plan(crowded, statements.SELECT_PAGE, {})
    assert "Sort" not in text and text.count("ix_orders_of_user") == 1 and "pk_user_streams" in text, text
