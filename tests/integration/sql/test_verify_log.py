"""Whatever is changed in the audit log by another hand than the store's is found, and the entry is named."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, closing

import asyncpg
import pytest
from attrs import evolve, frozen

from bestfill.testing.contracts.control import fact
from bestfill.testing.samples import NOW
from bestfill.units import Millis
from bestfill_adapters.sql.control import SqlControl
from bestfill_adapters.sql.control.postgres import PostgresControl
from bestfill_adapters.sql.control.sqlite import SqliteControl
from bestfill_adapters.sql.tables import audit_log
from bestfill_adapters.verify import Source, verify, walk
from bestfill_adapters.verify.postgres import PostgresSource
from bestfill_adapters.verify.sqlite import SqliteSource

pytestmark = pytest.mark.anyio

ENTRIES = 6
COLUMNS = {
    "at": "at + 1",
    "actor": "'mallory'",
    "origin": "''",
    "action": "'key.revoke'",
    "subject": "subject || ' '",
    "detail": "detail || ' '",
}
CHANGED = "entry {0} was changed: its hash is another's"
UNFOLLOWED = "entry {0} does not follow entry {1}: one of them was changed"
MISSING = "entry {0} stands where entry {1} should: what is between is missing"
FIELDS = ", ".join(f'"{c.name}"' for c in audit_log.c if c.name != "seq")
CASES = {
    **{f"{column} of {n}": ([f"UPDATE audit_log SET {column} = {to} WHERE seq = {n}"], [CHANGED.format(n)])
       for column, to in COLUMNS.items() for n in ((1, 3, ENTRIES) if column == "actor" else (3,))},
    "its hash": (["UPDATE audit_log SET hash = prev_hash WHERE seq = 3"], [CHANGED.format(3)]),
    "its previous hash": (
        ["UPDATE audit_log SET prev_hash = hash WHERE seq = 3"], [UNFOLLOWED.format(3, 2), CHANGED.format(3)]
    ),
    "a number": (
        ["UPDATE audit_log SET seq = 99 WHERE seq = 3"],
        [MISSING.format(4, 3), MISSING.format(99, 7), CHANGED.format(99)],
    ),
    "one is removed": (["DELETE FROM audit_log WHERE seq = 3"], [MISSING.format(4, 3)]),
    "the first is removed": (["DELETE FROM audit_log WHERE seq = 1"], [MISSING.format(2, 1)]),
    "one is put in at the end": (
        [f"INSERT INTO audit_log SELECT 7, {FIELDS} FROM audit_log WHERE seq = 6"],
        [UNFOLLOWED.format(7, 6), CHANGED.format(7)],
    ),
    "two are exchanged": (
        [f"UPDATE audit_log SET seq = {to} WHERE seq = {n}" for n, to in ((3, 99), (4, 3), (99, 4))],
        [UNFOLLOWED.format(3, 2), CHANGED.format(3), UNFOLLOWED.format(4, 3), CHANGED.format(4),
         UNFOLLOWED.format(5, 4)],
    ),
}  # fmt: skip


@frozen
class Subject:
    """A log, how it is read, and a way to change it that no rule stops."""

    control: SqlControl
    source: Callable[[], Source]
    change: Callable[[str], Awaitable[None]]

    async def faults(self) -> list[str]:
        return await asyncio.to_thread(self._faults)

    async def digest(self, before: Millis | None = None) -> str:
        return (await asyncio.to_thread(self._verify, before)).digest

    def _faults(self) -> list[str]:
        said: list[str] = []
        source = self.source()
        verify(source, lambda fault: said.append(str(fault).removeprefix("audit log: ")))
        source.close()
        return said

    def _verify(self, before: Millis | None) -> walk.Verdict:
        source = self.source()
        try:
            return verify(source, lambda fault: pytest.fail(str(fault)), before)
        finally:
            source.close()


@pytest.fixture(params=["sqlite", "postgres"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    stack = AsyncExitStack()
    if request.param == "sqlite":
        path = request.getfixturevalue("file").path

        async def change(statement: str) -> None:
            with closing(sqlite3.connect(path)) as db, db:
                for verb in ("update", "delete"):
                    db.execute(f"DROP TRIGGER IF EXISTS audit_log_{verb}")
                assert db.execute(statement).rowcount

        made = Subject(SqliteControl(request.getfixturevalue("file")), lambda: SqliteSource(path), change)
    else:
        url = request.getfixturevalue("postgres_url")
        connection = await asyncpg.connect(url)
        stack.push_async_callback(connection.close)

        async def change(statement: str) -> None:
            await connection.execute("ALTER TABLE audit_log DISABLE TRIGGER audit_log_only_grows")
            await connection.execute(statement)

        made = Subject(PostgresControl(url), lambda: PostgresSource(url), change)
    stack.push_async_callback(made.control.close)
    await made.control.record([fact(n) for n in range(1, ENTRIES + 1)])
    async with stack:
        yield made


def test_every_column_is_among_what_is_changed():
    assert COLUMNS.keys() | {"seq", "hash", "prev_hash"} == {c.name for c in audit_log.c}


async def test_every_change_is_found_and_the_entry_is_named(subject):
    assert await subject.faults() == []
    rows = f"seq, {FIELDS}"
    await subject.change(f"CREATE TABLE kept AS SELECT {rows} FROM audit_log")
    for name, (statements, said) in CASES.items():
        for statement in statements:
            await subject.change(statement)
        assert (name, await subject.faults()) == (name, said)
        await subject.change("DELETE FROM audit_log")
        await subject.change(f"INSERT INTO audit_log SELECT {rows} FROM kept")
    assert await subject.faults() == []


async def test_an_entry_written_anew_with_its_hash_breaks_the_chain(subject):
    entry = (await subject.control.entries())[2]
    forged = evolve(entry, fact=evolve(entry.fact, actor="mallory")).hash.hex()
    forged = f"decode('{forged}', 'hex')" if isinstance(subject.control, PostgresControl) else f"x'{forged}'"
    await subject.change(f"UPDATE audit_log SET actor = 'mallory', hash = {forged} WHERE seq = 3")
    assert await subject.faults() == [UNFOLLOWED.format(4, 3)]


async def test_text_that_would_be_made_fit_is_not_taken_for_what_it_is_made_of(subject):
    await subject.control.record([evolve(fact(7), actor="a\u202eb")])
    await subject.change("UPDATE audit_log SET actor = 'a\u202eb' WHERE seq = 7")
    assert await subject.faults() == [CHANGED.format(7)]


async def test_a_log_that_is_cut_short_has_another_digest_and_one_that_grew_the_same_as_of_before(subject):
    before = Millis(NOW + 4)
    whole, early = await subject.digest(), await subject.digest(before)
    await subject.control.record([fact(7)])
    assert await subject.digest() != whole and await subject.digest(before) == early != whole
    await subject.change("DELETE FROM audit_log WHERE seq > 2")
    assert await subject.faults() == []
    assert await subject.digest(before) != early


async def test_pages_of_any_size_tell_the_same(subject, monkeypatch):
    digests = {await subject.digest()}
    for size in (1, ENTRIES - 1, ENTRIES, ENTRIES + 1):
        monkeypatch.setattr(walk, "PAGE", size)
        digests.add(await subject.digest())
    assert len(digests) == 1


@pytest.mark.parametrize("change", ["seq = 'x'", "at = 'soon'", "detail = '{'", "hash = NULL", "actor = x'ff'"])
async def test_a_row_of_a_file_may_hold_anything(file, change):
    control = SqliteControl(file)
    await control.record([fact(1)])
    await control.close()
    with closing(sqlite3.connect(file.path)) as db, db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("DROP TRIGGER audit_log_update")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '') WHERE name = 'audit_log'")
        db.execute("PRAGMA writable_schema = RESET")
        db.execute(f"UPDATE audit_log SET {change}")
    subject = Subject(control, lambda: SqliteSource(file.path), lambda _: asyncio.sleep(0))
    assert [said for said in await subject.faults() if "entry" in said]
