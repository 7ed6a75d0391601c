"""`bestfill audit`: who did what."""

from typing import Final

from bestfill.audit import AuditEntry
from bestfill.units import iso
from bestfill_adapters.sql.control import SqlControl
from bestfill_cli.control import work
from bestfill_cli.exits import Exit
from bestfill_cli.run import Run
from bestfill_cli.screen import Marked

_PAGE: Final = 1_000


def audit(run: Run, since: int, limit: int | None) -> Exit:
    """Write entries of the audit log, oldest first, one a line."""

    async def do(control: SqlControl) -> Exit:
        seq, left = since, limit
        while left is None or left > 0:
            page = await control.entries(seq, _PAGE if left is None else min(left, _PAGE))
            for entry in page:
                _tell(run, entry)
            if not page:
                break
            seq, left = page[-1].seq, None if left is None else left - len(page)
        return Exit.DONE

    return work(run, do)


def _tell(run: Run, entry: AuditEntry) -> None:
    fact = entry.fact
    if run.json:
        told = {
            "seq": entry.seq,
            "at": iso(fact.at),
            "actor": fact.actor,
            "origin": fact.origin,
            "action": fact.action,
            "subject": fact.subject,
            "detail": dict(fact.detail),
            "hash": entry.hash.hex(),
        }
        run.screen.document(told, indent=False)
        return
    detail = " ".join(f"{name}={value}" for name, value in sorted(fact.detail.items()))
    number, action = Marked(str(entry.seq), "dim"), Marked(fact.action, "strong")
    origin = Marked(fact.origin, "dim") if fact.origin else None
    run.screen.say(number, iso(fact.at), fact.actor, origin, action, fact.subject, detail)
