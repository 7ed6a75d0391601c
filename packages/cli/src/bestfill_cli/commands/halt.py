"""`bestfill halt` and `bestfill resume`: whether anything may be signed."""

from typing import Any

from bestfill.ports import Halt
from bestfill.units import iso
from bestfill_adapters.sql.control import SqlControl
from bestfill_cli.control import actor, fact, now, where, work
from bestfill_cli.exits import Exit
from bestfill_cli.run import Run


def halt(run: Run, reason: str) -> Exit:
    """Have nothing signed any more."""

    async def do(control: SqlControl) -> Exit:
        wanted = Halt(reason=reason, actor=actor(), at=now())
        await control.set_halt(wanted, fact(wanted.at, "halt.set", "engine", reason=wanted.reason))
        _tell(run, wanted, f"halted: nothing new is signed by who works on {where()}; what is signed goes to its end")
        return Exit.DONE

    return work(run, do)


def resume(run: Run) -> Exit:
    """Let orders be signed again."""

    async def do(control: SqlControl) -> Exit:
        before = await control.halt()
        if before is not None:
            await control.set_halt(None, fact(now(), "halt.clear", "engine", reason=before.reason))
        _tell(run, None, "it was not halted" if before is None else f"resumed; it was halted: {before.reason}")
        return Exit.DONE

    return work(run, do)


def _tell(run: Run, halted: Halt | None, line: str) -> None:
    if not run.json:
        run.screen.say(line)
        return
    document: dict[str, Any] = {"halted": halted is not None}
    if halted is not None:
        document |= {"reason": halted.reason, "by": halted.actor, "since": iso(halted.at)}
    run.screen.document(document)
