"""What the audit log is told of calls: who asked, from where, and what came of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bestfill.engine.auditor import Auditor
from bestfill.errors import PolicyDenied
from bestfill_api.edge.visit import NO_PASS, Visit


class Record:
    """Notes calls. Where nobody says who they are, orders are not noted: their own events tell as much."""

    def __init__(self, auditor: Auditor, *, known_callers: bool) -> None:
        self._auditor, self._known_callers = auditor, known_callers

    def note(self, visit: Visit, action: str, subject: str, detail: Mapping[str, str] | None = None) -> None:
        """Note what a known caller did."""
        if self._known_callers:
            self._auditor.note(*whose(visit), action, subject, detail)

    @contextmanager
    def of_denials(self, visit: Visit, subject: str) -> Iterator[None]:
        """Note what the operator's rules forbid while the context lasts."""
        try:
            yield
        except PolicyDenied as denied:
            self._auditor.note(*whose(visit), "policy.deny", subject, {"rule": denied.rule, "reason": denied.reason})
            raise


def whose(visit: Visit) -> tuple[str, str]:
    """Give the name of the caller's credential, and the address that they called from."""
    return (visit.held or NO_PASS).principal.credential, visit.client
