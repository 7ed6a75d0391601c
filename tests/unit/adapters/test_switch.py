"""The kill switch on its own thread: it hears in time, whatever the engine's loop has to do."""

import asyncio
import threading

from bestfill.audit import AuditFact
from bestfill.ports import Halt
from bestfill.testing.control import MemoryControl
from bestfill.testing.samples import NOW
from bestfill_adapters.switch import OwnSwitch

HALT = Halt(reason="a test", actor="cli", at=NOW)
FACT = AuditFact(at=NOW, actor="cli", origin="", action="halt.set", subject="engine")


class Control(MemoryControl):
    """Counts who asks, and from which thread."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Semaphore(0)
        self.threads: set[str] = set()
        self.closed_by = ""

    async def halt(self) -> Halt | None:
        self.threads.add(threading.current_thread().name)
        self.asked.release()
        return await super().halt()

    async def close(self) -> None:
        self.closed_by = threading.current_thread().name

    def wait_for_looks(self, count: int) -> None:
        """Block, and the event loop with it."""
        for _ in range(count):
            assert self.asked.acquire(timeout=20)


async def test_it_looks_while_the_engines_loop_is_stuck_and_tells_on_that_loop():
    control = Control()
    switch = OwnSwitch(control, sleep=lambda _: asyncio.sleep(0.001))  # pyright: ignore[reportArgumentType]
    told: list[str] = []
    resumed = asyncio.Event()
    switch.on_resume(lambda: (told.append(threading.current_thread().name), resumed.set()))
    assert switch.halted
    await switch.start()
    assert not switch.halted and switch.halt is None
    await control.set_halt(HALT, FACT)
    control.wait_for_looks(5)
    assert switch.halted and switch.halt == HALT
    resumed.clear()
    await control.set_halt(None, FACT)
    control.wait_for_looks(5)
    assert not switch.halted
    await asyncio.wait_for(resumed.wait(), 20)
    await switch.close()
    assert switch.halted
    assert (control.threads, control.closed_by) == ({"switch"}, "switch")
    assert set(told) == {threading.current_thread().name}


async def test_one_that_never_started_is_closed_all_the_same():
    switch = OwnSwitch(Control())  # pyright: ignore[reportArgumentType]
    await switch.close()
    assert switch.halted
