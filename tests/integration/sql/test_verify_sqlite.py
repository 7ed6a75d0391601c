"""Whatever is changed in a SQLite file by another hand than the store's is found, and the right order is named."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bestfill.errors import StoreError
from bestfill.order import Order
from bestfill.testing import samples
from bestfill.units import Millis
from bestfill_adapters.sql.sqlite import SqliteFile, SqliteStore
from bestfill_adapters.sql.tables import order_events, orders
from bestfill_adapters.verify import Fault, Verdict, verify, walk
from bestfill_adapters.verify.sqlite import SqliteSource
from tests.integration.sql.orders import advance, place
from tests.integration.sql.stories import USERS, blamed, fill, found, keep_busy

ENGINES_OWN = {"version", "wake_at"}
"""What of an order is no part of its story."""


@pytest.fixture(scope="module")
def whole(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Order]]:
    """Give a file with stories in it, which tests copy."""
    path = tmp_path_factory.mktemp("whole") / "bestfill.db"
    shutil.copy(migrated, path)
    store = SqliteStore(SqliteFile(path))
    store.start()
    filled = asyncio.run(fill(store))
    store.close()
    return path, filled


@pytest.fixture
def copy(whole: tuple[Path, list[Order]], tmp_path: Path) -> Path:
    return Path(shutil.copy(whole[0], tmp_path / "copy.db"))


@pytest.fixture
def ids(whole: tuple[Path, list[Order]]) -> list[str]:
    return [order.id for order in whole[1]]


def tampered(path: Path, statement: str, *values: object) -> int:
    """Change the file behind everybody's back, whatever its rules say; give how many rows were."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        return db.execute(statement, values).rowcount


def fetched(path: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        db.text_factory = bytes
        return db.execute(query, values).fetchall()


def digest(path: Path, before: Millis | None = None) -> Verdict:
    source = SqliteSource(path)
    try:
        return verify(source, lambda fault: pytest.fail(str(fault)), before)
    finally:
        source.close()


def restored(whole: Path, path: Path) -> None:
    for leftover in path.parent.glob(f"{path.name}*"):
        leftover.unlink()
    shutil.copy(whole, path)


def test_what_the_store_has_written_is_whole(copy, ids):
    verdict = digest(copy)
    (events,) = fetched(copy, "SELECT count(*) FROM order_events")[0]
    assert (verdict.orders, verdict.events, verdict.faults) == (len(ids), events, 0)
    assert (verdict.digested, verdict.unfinished) == (len(ids), 3)


def test_pages_of_any_size_tell_the_same(copy, ids, monkeypatch):
    verdicts = []
    for size in (1, 2, len(ids) - 1, len(ids), len(ids) + 1):
        monkeypatch.setattr(walk, "PAGE", size)
        verdicts.append(digest(copy))
    assert len(set(verdicts)) == 1 and verdicts[0].orders == len(ids)


@pytest.mark.parametrize("column", order_events.c.keys())
@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_changed_byte_of_any_event_is_found_in_its_order(whole, copy, column, data):
    restored(whole[0], copy)
    events = fetched(copy, f'SELECT rowid, order_id, "{column}" FROM order_events ORDER BY rowid')
    rowid, order_id, value = data.draw(st.sampled_from(events))
    if isinstance(value, int):
        mark, changed = "?", value ^ 1 << data.draw(st.integers(0, 62))
    else:
        place = data.draw(st.integers(0, len(value) - 1))
        byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != value[place]))
        mark = "?" if column == "prev_hash" else "CAST(? AS TEXT)"
        changed = value[:place] + bytes([byte]) + value[place + 1 :]
    try:
        assert tampered(copy, f'UPDATE order_events SET "{column}" = {mark} WHERE rowid = ?', changed, rowid) == 1
    except sqlite3.IntegrityError:
        return  # a number that another event has: the database itself refuses
    blame = blamed(found(SqliteSource(copy)))
    assert order_id.decode() in blame
    new_id = changed.decode(errors="replace") if column == "order_id" else ""
    assert {name for name in blame if name in {order.id for order in whole[1]}} <= {order_id.decode(), new_id}


@pytest.mark.parametrize("size", [2, 500])
@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_changed_byte_of_the_file_itself_is_found_if_it_changes_any_event(whole, copy, monkeypatch, size, data):
    monkeypatch.setattr(walk, "PAGE", size)
    restored(whole[0], copy)
    everything = "SELECT * FROM order_events NOT INDEXED"
    before = fetched(copy, everything)
    content = bytearray(copy.read_bytes())
    words = [row[6] for row in before] + [row[8] for row in before] + [row[2] for row in before]
    near = content.find(data.draw(st.sampled_from(words)))
    content[min(max(0, near + data.draw(st.integers(-60, 60))), len(content) - 1)] ^= 1 << data.draw(st.integers(0, 7))
    copy.write_bytes(content)
    try:
        changed = fetched(copy, everything) != before
        assert found(SqliteSource(copy)) or not changed
    except (StoreError, sqlite3.DatabaseError):
        pass  # it can't be read any more, and that is said


@pytest.mark.parametrize("bit", [0, 4])
def test_an_index_that_is_not_sorted_any_more_is_no_endless_loop(copy, ids, monkeypatch, bit):
    """A page would end with an id that sorts before its beginning, and the next would begin there again."""
    monkeypatch.setattr(walk, "PAGE", 3)
    query = "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_master WHERE name = ?"
    ((root, size),) = fetched(copy, query, "sqlite_autoindex_orders_1")
    content = bytearray(copy.read_bytes())
    for last in ids[2::3]:
        content[content.index(last.encode(), (root - 1) * size, root * size)] ^= 1 << bit
    copy.write_bytes(content)
    source = SqliteSource(copy)
    monkeypatch.setattr(source, "damage", lambda: iter(()))  # the walk itself must end, and tell
    monkeypatch.setattr(source, "orders", bounded(source.orders, len(ids)))
    assert found(source)


def bounded(read: Callable[..., Any], calls: int) -> Callable[..., Any]:
    left = iter(range(calls))

    def call(*arguments: Any) -> Any:
        assert next(left, None) is not None, "it reads on for ever"
        return read(*arguments)

    return call


@pytest.mark.parametrize("missing", ["orders", "order_events, orders"])
def test_rows_of_orders_that_are_missing_are_reported_one_by_one_and_none_is_kept(copy, ids, monkeypatch, missing):
    for table in missing.split(", "):
        tampered(copy, f"DELETE FROM {table}")
    source, seen = SqliteSource(copy), []
    attempts = source.attempts

    def counted(*bounds: Any) -> Any:
        for row in attempts(*bounds):
            seen.append(len(faults))
            yield row

    faults: list[Fault] = []
    monkeypatch.setattr(source, "attempts", counted)
    verify(source, faults.append)
    source.close()
    orders = [fault for fault in faults if fault.subject.startswith("order ")]
    begun = {order_id.decode() for (order_id,) in fetched(copy, "SELECT order_id FROM order_executions")}
    there = begun if "order_events" in missing else set(ids)
    assert sorted(fault.subject for fault in orders) == sorted(f"order {order_id}" for order_id in there)
    assert {fault.reason for fault in orders} == {"its row is missing"}
    assert len(set(seen)) > len(begun) // 2  # a row was asked for when the ones before were reported


@pytest.mark.parametrize("column", [c.name for c in orders.c if c.name not in ENGINES_OWN])
def test_a_changed_row_of_an_order_is_found(whole, copy, column):
    for order in whole[1]:
        restored(whole[0], copy)
        ((value,),) = fetched(copy, f'SELECT "{column}" FROM orders WHERE id = ?', order.id)
        if column == "id":
            new: object = "01940000-0000-7000-8000-000000000000"
        elif isinstance(value, int):
            new = value + 1
        elif isinstance(value, bytes) and column == "event_hash":
            new = bytes([value[0] ^ 1]) + value[1:]
        else:
            new = "7" if value is None else value.decode()[:-1] + chr(value[-1] ^ 1)
        tampered(copy, f'UPDATE orders SET "{column}" = ? WHERE id = ?', new, order.id)
        assert order.id in blamed(found(SqliteSource(copy))) <= {order.id, new}


TAMPERINGS = {
    "an event is removed": "DELETE FROM order_events WHERE order_id = '{0}' AND seq = 3",
    "the last event is removed": "DELETE FROM order_events WHERE order_id = '{0}' AND seq = 5",
    "the first event is removed": "DELETE FROM order_events WHERE order_id = '{0}' AND seq = 1",
    "all events are removed": "DELETE FROM order_events WHERE order_id = '{0}'",
    "the row is removed": "DELETE FROM orders WHERE id = '{0}'",
    "all but the attempts is removed": "DELETE FROM orders WHERE id = '{0}';"
    " DELETE FROM order_events WHERE order_id = '{0}'",
    "the last event is told twice": "INSERT INTO order_events SELECT order_id, 6, user_id, 1000, status, attempt, data,"
    " timestamp, prev_hash FROM order_events WHERE order_id = '{0}' AND seq = 5",
    "an event is put in between": "UPDATE order_events SET seq = 6 WHERE order_id = '{0}' AND seq = 5;"
    " INSERT INTO order_events SELECT order_id, 5, user_id, 1000, status, attempt, data, timestamp, prev_hash"
    " FROM order_events WHERE order_id = '{0}' AND seq = 4;"
    " UPDATE orders SET seq = 6 WHERE id = '{0}'",
    "two events change places": "UPDATE order_events SET seq = -2 WHERE order_id = '{0}' AND seq = 2;"
    " UPDATE order_events SET seq = 2 WHERE order_id = '{0}' AND seq = 3;"
    " UPDATE order_events SET seq = 3 WHERE order_id = '{0}' AND seq = -2",
    "two events exchange what they say": "UPDATE order_events AS e SET data = (SELECT o.data FROM order_events AS o"
    " WHERE o.order_id = e.order_id AND o.seq = 5 - e.seq) WHERE order_id = '{0}' AND seq IN (2, 3)",
    "an attempt is removed": "DELETE FROM order_executions WHERE order_id = '{0}'",
    "it is signed otherwise": "UPDATE order_executions SET signature = 'another' WHERE order_id = '{0}'",
    "it paid otherwise": "UPDATE order_executions SET amount_out = '1' WHERE order_id = '{0}'",
    "its swap has not landed": "UPDATE order_executions SET outcome = 'reverted' WHERE order_id = '{0}'",
    "its swap took otherwise": "UPDATE order_executions SET amount_in = '1' WHERE order_id = '{0}'",
    "its bound was another": "UPDATE order_executions SET min_out = '1' WHERE order_id = '{0}'",
}


@pytest.mark.parametrize("statements", TAMPERINGS.values(), ids=TAMPERINGS)
def test_what_is_removed_put_in_or_moved_is_found(whole, copy, statements):
    order = next(order for order in whole[1] if order.seq == 5 and order.user_id == USERS[1])
    for statement in statements.format(order.id).split(";"):
        assert tampered(copy, statement) > 0
    assert blamed(found(SqliteSource(copy))) == {order.id}


DEAD, LIVE, UNSIGNED = "outcome = 'expired'", "signature IS NOT NULL AND outcome IS NULL", "outcome = 'abandoned'"


@pytest.mark.parametrize(
    ("which", "change"),
    [
        (DEAD, "signature = 'another'"),
        (DEAD, "signature = NULL, signed_transaction = NULL"),
        (DEAD, "outcome = 'abandoned'"),
        (DEAD, "outcome = NULL"),
        (DEAD, "error_reason = 'another'"),
        (LIVE, "last_valid_block_height = 1"),
        (LIVE, "attention = NULL"),
        (LIVE, "signature = NULL, signed_transaction = NULL"),
        (UNSIGNED, "outcome = NULL"),
        (UNSIGNED, "error_code = NULL"),
        (UNSIGNED, "outcome = 'expired'"),
    ],
)
def test_an_attempt_that_is_not_as_its_events_tell_is_found(copy, which, change):
    ((order_id, attempt),) = fetched(copy, f"SELECT order_id, attempt FROM order_executions WHERE {which}")
    assert tampered(copy, f"UPDATE order_executions SET {change} WHERE {which}") == 1
    (fault,) = found(SqliteSource(copy))
    said = f"order {order_id.decode()}: its attempts can't be: number {attempt} does not say what the events say: "
    assert str(fault).startswith(said)


def test_what_is_missing_or_too_much_is_named(whole, copy):
    orders = [order.id for order in whole[1] if order.seq == 5]
    tampered(copy, "DELETE FROM order_events WHERE order_id = ? AND seq = 3", orders[0])
    tampered(copy, "DELETE FROM order_events WHERE order_id = ? AND seq = 5", orders[1])
    tampered(copy, "UPDATE orders SET seq = 4 WHERE id = ?", orders[2])
    said = {str(fault) for fault in found(SqliteSource(copy))}
    assert said >= {
        f"order {orders[0]}: event 3 is missing",
        f"order {orders[1]}: event 5 is missing",
        f"order {orders[2]}: event 5 is there, and its row counts only 4",
    }


def test_two_orders_that_exchange_an_event_are_both_named(whole, copy):
    one, other = [order.id for order in whole[1] if order.seq == 5][:2]
    for statement in (
        f"UPDATE order_events SET order_id = 'x' WHERE order_id = '{one}' AND seq = 3",
        f"UPDATE order_events SET order_id = '{one}' WHERE order_id = '{other}' AND seq = 3",
        f"UPDATE order_events SET order_id = '{other}' WHERE order_id = 'x'",
    ):
        assert tampered(copy, statement) == 1
    assert blamed(found(SqliteSource(copy))) == {one, other}


TABLES = ("order_events", "order_executions", "order_failures", "idempotency_keys")


def take_out(path: Path, order_id: str) -> None:
    for table in TABLES:
        tampered(path, f"DELETE FROM {table} WHERE order_id = ?", order_id)
    assert tampered(path, "DELETE FROM orders WHERE id = ?", order_id) == 1


def test_an_order_that_is_taken_out_whole_leaves_a_hole_among_its_users_events(copy, ids):
    ((user_id, events),) = fetched(copy, "SELECT user_id, seq FROM orders WHERE id = ?", ids[0])
    ((counted,),) = fetched(copy, "SELECT user_seq FROM user_streams WHERE user_id = ?", user_id.decode())
    take_out(copy, ids[0])
    (fault,) = found(SqliteSource(copy))
    assert fault.subject == f"user {user_id.decode()!r}"
    assert fault.reason.startswith(f"{counted - events} events with ")


def test_a_user_whose_count_is_changed_is_found(copy):
    tampered(copy, "UPDATE user_streams SET user_seq = user_seq + 1 WHERE user_id = ?", USERS[0])
    assert [fault.subject for fault in found(SqliteSource(copy))] == [f"user {USERS[0]!r}"]


def test_a_user_whose_orders_are_counted_otherwise_is_found(copy, whole):
    orders = sum(order.user_id == USERS[0] for order in whole[1])
    tampered(copy, "UPDATE user_streams SET orders = orders + 100 WHERE user_id = ?", USERS[0])
    said = f"user {USERS[0]!r}: {orders} orders, where {orders + 100} are counted"
    assert [str(fault) for fault in found(SqliteSource(copy))] == [said]


async def test_only_the_digest_tells_that_a_users_newest_order_is_taken_out_and_not_counted(copy):
    before = digest(copy)
    store = SqliteStore(SqliteFile(copy))
    store.start()
    order = (await advance(store, await place(store, 201, USERS[0]), 4)).order
    store.close()
    assert digest(copy).digest != before.digest
    take_out(copy, order.id)
    tampered(copy, f"UPDATE user_streams SET user_seq = user_seq - {order.seq}, orders = orders - 1"
        " WHERE user_id = ?", USERS[0])  # fmt: skip
    assert digest(copy) == before


def test_only_the_digest_tells_that_a_storys_newest_event_is_cut_off(copy, whole):
    """Back to before a person was asked to look: no hash need be computed."""
    before = digest(copy)
    ((order_id, seq, head, at),) = fetched(
        copy,
        "SELECT e.order_id, e.seq, e.prev_hash, b.timestamp FROM order_events AS e JOIN order_events AS b"
        " ON b.order_id = e.order_id AND b.seq = e.seq - 1 WHERE e.data LIKE '%attention%'",
    )
    order_id = order_id.decode()
    tampered(copy, "DELETE FROM order_events WHERE order_id = ? AND seq = ?", order_id, seq)
    tampered(copy, "UPDATE orders SET seq = seq - 1, event_hash = ?, updated_at = ? WHERE id = ?", head, at, order_id)
    tampered(copy, "UPDATE order_executions SET attention = NULL WHERE order_id = ?", order_id)
    tampered(copy, "UPDATE user_streams SET user_seq = user_seq - 1 WHERE user_id = ?", USERS[2])
    assert digest(copy).digest != before.digest


def test_only_the_digest_tells_that_all_of_a_user_is_taken_out(whole, copy, ids):
    before = digest(copy)
    for order in whole[1]:
        if order.user_id == USERS[2]:
            take_out(copy, order.id)
    tampered(copy, "DELETE FROM user_streams WHERE user_id = ?", USERS[2])
    after = digest(copy)
    assert after.orders < before.orders and after.digest != before.digest


def exchange_numbers(path: Path, one: tuple[str, int], other: tuple[str, int]) -> None:
    """Have two events exchange their places among their user's."""
    number = "SELECT user_seq FROM order_events WHERE order_id = ? AND seq = ?"
    (((first,),), ((second,),)) = (fetched(path, number, *event) for event in (one, other))
    for user_seq, event in ((-1, one), (first, other), (second, one)):
        tampered(path, "UPDATE order_events SET user_seq = ? WHERE order_id = ? AND seq = ?", user_seq, *event)


def test_two_events_of_an_order_that_exchange_their_numbers_among_the_users_are_found(copy, whole):
    order_id = next(order.id for order in whole[1] if order.seq == 5)
    exchange_numbers(copy, (order_id, 2), (order_id, 3))
    assert blamed(found(SqliteSource(copy))) == {order_id}


def test_only_the_digest_tells_that_events_of_two_orders_exchange_their_numbers_among_the_users(copy, whole):
    before = digest(copy)
    last = "SELECT order_id, seq, user_seq FROM order_events WHERE user_id = ? ORDER BY user_seq DESC LIMIT 2"
    (one, seq, number), (other, its_seq, its_number) = fetched(copy, last, USERS[1])
    assert one != other and number == its_number + 1
    exchange_numbers(copy, (one.decode(), seq), (other.decode(), its_seq))
    assert digest(copy).digest != before.digest


async def test_the_digest_of_what_was_accepted_by_then_is_not_changed_by_what_comes_later(copy, whole):
    until = Millis(max(order.created_at for order in whole[1]) + 1)
    before = digest(copy, until)
    store = SqliteStore(SqliteFile(copy))
    store.start()
    for number in range(201, 204):
        await store.place(*samples.new_order(number, samples.request(USERS[0]), now=until))
    store.close()
    after = digest(copy, until)
    assert (after.digest, after.digested) == (before.digest, before.digested)
    assert after.orders == before.orders + 3 and digest(copy).digest != before.digest


HUGE = "1" + "0" * 100_000
HOSTILE = {
    "bad JSON": ("data", b'{"dex":'),
    "JSON of another kind": ("data", b"[1]"),
    "endless nesting": ("data", b"[" * 100_000),
    "a huge number": ("data", b'{"dex":null,"decimalsIn":' + HUGE.encode() + b"}"),
    "a NUL": ("data", b'{"dex":"\0"}'),
    "no UTF-8": ("data", b'{"dex":"\xff"}'),
    "an empty text": ("data", b""),
    "text for a number": ("seq", "many"),
    "bytes for text": ("status", memoryview(b"pending")),
    "a number too large": ("attempt", 2**63 - 1),
    "a negative number": ("timestamp", -(2**63)),
    "a fraction": ("attempt", 1.5),
    "a short hash": ("prev_hash", memoryview(b"")),
    "an endless name": ("user_id", HUGE),
}


@pytest.mark.parametrize(("column", "value"), HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("seq", [1, 3])
def test_whatever_an_event_holds_the_others_are_looked_at(copy, ids, whole, column, value, seq):
    order_id = next(order.id for order in whole[1] if order.seq == 5)
    mark = "CAST(? AS TEXT)" if isinstance(value, bytes) else "?"
    tampered(copy, f"UPDATE order_events SET {column} = {mark} WHERE order_id = ? AND seq = ?", value, order_id, seq)
    faults = found(SqliteSource(copy))
    assert blamed(faults) == {order_id}
    assert all(str(fault).isprintable() and len(str(fault)) < 1_000 for fault in faults)


def test_orders_that_are_given_to_another_user_are_found_by_what_that_user_asked_for(copy, whole):
    for table in ("orders", "order_events", "user_streams"):
        assert tampered(copy, f"UPDATE {table} SET user_id = 'thief' WHERE user_id = ?", USERS[2]) > 0
    assert {str(fault) for fault in found(SqliteSource(copy))} == {
        f"order {order.id}: event 1 was asked for by another user" for order in whole[1] if order.user_id == USERS[2]
    }


@pytest.mark.parametrize("number", ["1000000000", "256", "-1", "1.5", '"9"', "null", "[]"])
def test_impossible_decimals_do_not_keep_it_busy(copy, ids, number):
    tampered(
        copy,
        "UPDATE order_events SET data = replace(data, '\"decimalsIn\":9', '\"decimalsIn\":' || ?)"
        " WHERE order_id = ? AND seq = 1",
        number,
        ids[0],
    )
    assert [str(fault) for fault in found(SqliteSource(copy))] == [f"order {ids[0]}: event 1 has impossible decimals"]


@pytest.mark.parametrize("value", [None, "", HUGE, "-1", "1.0", "x\0y", b"\xff", memoryview(b"1")])
@pytest.mark.parametrize(
    "column", ["amount_in", "amount_out", "status", "error_code", "created_at", "seq", "event_hash"]
)
def test_whatever_a_row_holds_the_others_are_looked_at(copy, ids, whole, column, value):
    order_id = next(order.id for order in whole[1] if order.seq == 5)
    mark = "CAST(? AS TEXT)" if isinstance(value, bytes) else "?"
    try:
        tampered(copy, f"UPDATE orders SET {column} = {mark} WHERE id = ?", value, order_id)
    except sqlite3.IntegrityError:
        return  # a NULL that can't be
    assert blamed(found(SqliteSource(copy))) == ({order_id} if (column, value) != ("error_code", None) else set())


@pytest.mark.parametrize("key", [b"", b"\xff\xfe", b"zz\0", "ü".encode(), memoryview(b"\x00"), memoryview(b"\xff")])
def test_an_order_of_any_id_ends_no_page_too_early(copy, ids, monkeypatch, key):
    mark = "CAST(? AS TEXT)" if isinstance(key, bytes) else "?"
    tampered(copy, f"UPDATE orders SET id = {mark} WHERE id = ?", key, ids[3])
    for size in (1, 2, 500):
        monkeypatch.setattr(walk, "PAGE", size)
        faults = found(SqliteSource(copy))
        assert len(faults) == 2 and ids[3] in blamed(faults)  # the row without events, and the events without a row


async def test_nothing_is_found_while_orders_are_running(file):
    store = SqliteStore(file)
    store.start()
    enough = asyncio.Event()
    running = asyncio.ensure_future(keep_busy(store, enough))
    try:
        for _ in range(3):
            assert await asyncio.to_thread(lambda: found(SqliteSource(file.path))) == []
    finally:
        enough.set()
        orders = await running
        store.close()
    assert digest(file.path).events == 5 * orders > 0


def test_nothing_is_written(whole, copy):
    before = copy.read_bytes()
    copy.chmod(0o400)
    assert found(SqliteSource(copy)) == []
    assert copy.read_bytes() == before == whole[0].read_bytes()


def test_what_a_process_that_died_has_left_is_read_too(copy, tmp_path, ids):
    """The newest commits are in the log beside the file, which nobody has brought into it."""
    left = tmp_path / "left.db"
    store = SqliteStore(SqliteFile(copy))
    store.start()
    asyncio.run(store.place(*samples.new_order(301)))
    shutil.copy(copy, left)
    shutil.copy(f"{copy}-wal", f"{left}-wal")
    store.close()
    assert digest(left).orders == len(ids) + 1


def test_a_file_that_is_no_database_or_of_another_schema_is_refused(tmp_path, copy):
    tampered(copy, "UPDATE alembic_version SET version_num = '0000'")
    empty, text = tmp_path / "empty.db", tmp_path / "text.db"
    empty.touch()
    text.write_text("text " * 1_000)
    for path, said in ((copy, "the database has 0000"), (empty, "no such table"), (text, "not a database")):
        with pytest.raises(StoreError, match=said):
            SqliteSource(path)
    with pytest.raises(StoreError, match="there is no database"):
        SqliteSource(tmp_path / "none" / "none.db")
    assert not (tmp_path / "none").exists()
