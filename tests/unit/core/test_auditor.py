"""What is noted reaches the audit log in its order, or the log says how much does not."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from bestfill.audit import AuditFact
from bestfill.engine.auditor import GROUP, RETRY_MS, Auditor
from bestfill.errors import StoreError
from bestfill.testing.clock import ManualClock
from bestfill.testing.control import MemoryControl


class Slow(MemoryControl):
    """Stores when the test opens the gate; remembers the size of each group, and fails as often as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[int] = []
        self.fails = 0
        self.gate, self.entered = asyncio.Event(), asyncio.Semaphore(0)

    async def record(self, facts: Sequence[AuditFact]) -> None:
        self.groups.append(len(facts))
        self.entered.release()
        await self.gate.wait()
        if self.fails:
            self.fails -= 1
            raise StoreError("the database can't be reached") if self.fails % 2 else ValueError("a bug")
        await super().record(facts)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def control() -> Slow:
    return Slow()


@pytest.fixture
async def auditor(control: Slow, clock: ManualClock) -> AsyncIterator[Auditor]:
    auditor = Auditor(control, clock, room=2 * GROUP)
    auditor.start()
    yield auditor
    await auditor.close(within_s=0)


def told(control: MemoryControl) -> list[str]:
    return [entry.fact.subject for entry in control.log]


def note(auditor: Auditor, *subjects: object) -> None:
    for subject in subjects:
        auditor.note("key:1", "127.0.0.1", "order.place", str(subject))


async def test_a_fact_stands_in_the_log_as_it_was_noted(auditor, control, clock):
    control.gate.set()
    auditor.note("key:1", "127.0.0.1", "policy.deny", "order-1", {"rule": "halt"})
    await auditor.close()
    (entry,) = control.log
    assert entry.fact == AuditFact(
        at=clock.now(),
        actor="key:1",
        origin="127.0.0.1",
        action="policy.deny",
        subject="order-1",
        detail={"rule": "halt"},
    )


async def test_what_gathers_while_the_log_is_written_goes_as_one_group(auditor, control):
    note(auditor, "first")
    await control.entered.acquire()
    note(auditor, *range(GROUP + 1))
    control.gate.set()
    await auditor.close()
    assert control.groups == [1, GROUP, 1]
    assert told(control) == ["first", *map(str, range(GROUP + 1))]


async def test_facts_gather_between_two_groups(auditor, control, monkeypatch):
    monkeypatch.setattr("bestfill.engine.auditor.PAUSE_S", 60)
    control.gate.set()
    note(auditor, "first")
    await control.entered.acquire()
    for n in range(10):
        note(auditor, n)
        await asyncio.sleep(0)
    assert control.groups == [1]
    await auditor.close()
    assert control.groups == [1, 10], "an end does not wait for more"


async def test_facts_of_a_whole_group_need_not_gather(auditor, control, monkeypatch):
    monkeypatch.setattr("bestfill.engine.auditor.PAUSE_S", 60)
    note(auditor, "first")
    await control.entered.acquire()
    note(auditor, *range(GROUP))
    control.gate.set()
    await control.entered.acquire()
    assert control.groups == [1, GROUP]


async def test_what_could_not_be_stored_is_tried_again_after_a_pause(auditor, control, clock, caplog):
    control.fails = 2
    control.gate.set()
    note(auditor, "a", "b")
    for _ in range(2):
        await control.entered.acquire()
        await asyncio.sleep(0)
        assert not control.log
        note(auditor, "later")
        clock.advance(RETRY_MS - 1)
        await asyncio.sleep(0)
        assert control.entered.locked()
        clock.advance(1)
    await auditor.close()
    assert told(control) == ["a", "b", "later", "later"]
    assert [record.reason for record in caplog.records] == ["the database can't be reached", "ValueError"]


async def test_the_log_says_how_many_facts_found_no_room(auditor, control, caplog):
    note(auditor, *range(2 * GROUP + 7))
    control.gate.set()
    await control.entered.acquire()
    await auditor.close()
    assert told(control)[: 2 * GROUP] == list(map(str, range(2 * GROUP)))
    (gap,) = control.log[2 * GROUP :]
    assert (gap.fact.actor, gap.fact.action, gap.fact.detail) == ("auditor", "audit.drop", {"count": "7"})
    assert caplog.messages == ["facts were dropped from the audit log"]


async def test_an_end_waits_for_the_database_no_longer_than_it_may(auditor, control, caplog):
    note(auditor, "a", "b")
    await control.entered.acquire()
    await auditor.close(within_s=0)
    assert control.log == []
    assert [(record.getMessage(), record.facts) for record in caplog.records] == [
        ("facts are missing in the audit log", 2)
    ]


async def test_an_auditor_that_was_never_started_ends_at_once(control, clock):
    auditor = Auditor(control, clock)
    note(auditor, "a")
    await auditor.close()
