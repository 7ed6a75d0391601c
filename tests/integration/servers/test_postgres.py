"""What tests, benches and `./dev full` rely on when they use PostgreSQL."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from tools.servers import Postgres, ServerError
from tools.servers.databases import create_database, drop_database


async def ask(url: str, *statements: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        *before, last = statements
        for statement in before:
            await connection.execute(statement)
        return await connection.fetchval(last)
    finally:
        await connection.close()


async def test_it_is_as_new_as_the_project_needs_and_set_up_like_production(postgres: Postgres):
    settings = ("server_encoding", "data_checksums", "synchronous_commit", "full_page_writes")
    version, *found = [
        await ask(postgres.url, f"SELECT current_setting('{name}')") for name in ("server_version_num", *settings)
    ]
    assert int(version) >= 14_00_00
    assert found == ["UTF8", "on", "on", "on"]


async def test_a_durable_one_waits_for_the_disk():
    with Postgres(durable=True) as server:
        assert await ask(server.url, "SELECT current_setting('fsync')") == "on"
        assert not server.data.is_relative_to("/dev/shm")


async def test_settings_of_the_caller_win():
    with Postgres(settings={"max_connections": "17"}) as server:
        assert await ask(server.url, "SELECT current_setting('max_connections')") == "17"


async def test_each_database_is_new_and_can_be_dropped_while_in_use(postgres: Postgres, database_url: str):
    count = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    await ask(database_url, "CREATE TABLE orders (id int)", count)
    other = create_database(postgres.url)
    assert (await ask(database_url, count), await ask(other, count)) == (1, 0)
    connection = await asyncpg.connect(other)
    drop_database(postgres.url, other)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(other)
    connection.terminate()


async def test_a_database_can_be_copied(postgres: Postgres, database_url: str):
    await ask(database_url, "CREATE TABLE orders AS SELECT 7 AS id", "SELECT 1")
    name = database_url.rpartition("/")[2]
    copy = create_database(postgres.url, template=name)
    assert await ask(copy, "SELECT id FROM orders") == 7
    drop_database(postgres.url, copy)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_what_was_committed_outlives(postgres: Postgres, database_url: str, how: str):
    lost = asyncio.Event()
    connection = await asyncpg.connect(database_url)
    connection.add_termination_listener(lambda _: lost.set())
    await connection.execute("CREATE TABLE orders (id int)")
    await connection.execute("INSERT INTO orders VALUES (7)")
    await asyncio.to_thread(getattr(postgres, how))
    assert not postgres.running
    await asyncio.wait_for(lost.wait(), 10)
    with pytest.raises(ConnectionRefusedError):
        await asyncpg.connect(database_url)
    await asyncio.to_thread(postgres.start)
    assert await ask(database_url, "SELECT array_agg(id) FROM orders") == [7]


async def test_cutting_connections_ends_those_there_are_and_lets_new_ones_in(postgres: Postgres, database_url: str):
    lost = asyncio.Event()
    connection = await asyncpg.connect(database_url)
    connection.add_termination_listener(lambda _: lost.set())
    assert postgres.cut_connections() == 1
    await asyncio.wait_for(lost.wait(), 10)
    assert await ask(database_url, "SELECT 1") == 1


async def test_a_given_folder_keeps_the_data(open_folder: Path):
    for expected in (1, 2):
        with Postgres(open_folder / "postgres") as server:
            assert server.data == open_folder / "postgres"
            await ask(server.url, "CREATE TABLE IF NOT EXISTS starts (n int)", "INSERT INTO starts VALUES (1)")
            assert await ask(server.url, "SELECT count(*) FROM starts") == expected
    assert "ready to accept connections" in (open_folder / "postgres.log").read_text()


async def test_a_half_made_data_folder_is_made_anew(open_folder: Path):
    half = open_folder / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with Postgres(open_folder / "postgres") as server:
        assert await ask(server.url, "SELECT 1") == 1
    assert not half.exists()


def test_a_start_that_fails_says_why_and_leaves_nothing():
    server = Postgres(settings={"shared_buffers": "lots"})
    with pytest.raises(ServerError, match='invalid value for parameter "shared_buffers": "lots"'):
        server.start()
    assert not server.running
    assert not server.data.exists()


def test_a_second_one_on_the_same_folder_is_refused(open_folder: Path):
    with Postgres(open_folder / "postgres") as first:
        with pytest.raises(ServerError, match=r'lock file "postmaster.pid" already exists'):
            Postgres(open_folder / "postgres").start()
        assert first.running
        assert segment(first) in segments()


def test_a_killed_one_leaves_no_shared_memory():
    with Postgres() as server:
        left = segment(server)
        assert left in segments()
        server.kill()
        assert left not in segments()


def segment(server: Postgres) -> list[str]:
    return (server.data / "postmaster.pid").read_text().splitlines()[6].split()


def segments() -> list[list[str]]:
    """Return key and id of all shared memory segments; the key is 0 if it is freed but still in use."""
    return [line.split()[:2] for line in Path("/proc/sysvipc/shm").read_text().splitlines()]
