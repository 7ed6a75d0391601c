"""`bestfill verify`: whether every order's story is whole and unchanged, by the environment's settings."""

import os
import traceback
from typing import Any, Final

from bestfill.errors import StoreError
from bestfill.units import Millis, iso
from bestfill_adapters.settings import SettingsError, load
from bestfill_adapters.verify import Fault, Verdict, open_source, verify
from bestfill_cli.exits import Exit
from bestfill_cli.run import Run

_KEPT_MAX: Final = 10_000
"""How many faults a JSON document lists; all are counted."""
_CHANGED: Final = "since that digest was taken, stories or the audit log were rewritten, taken out or put in"


def check(run: Run, before: Millis | None, expected: str | None) -> Exit:
    """Read every order of the store, and say what is not whole. Whatever keeps it from being told ends with 2."""
    try:
        return _check(run, before, expected)
    except BrokenPipeError:
        run.screen.stop()
    except OSError as error:
        run.screen.complain(f"ended before all was looked at: {error.strerror or type(error).__name__}")
        run.screen.stop()
    except SettingsError as error:
        run.screen.complain(*error.problems)
    except StoreError as error:
        run.screen.complain(error.reason)
    except Exception as error:  # noqa: BLE001 - another code would say that something is not whole
        if run.debug:
            traceback.print_exc()
        run.screen.complain(f"ended before all was looked at, by an unforeseen {type(error).__name__}")
    return Exit.REFUSED


def _check(run: Run, before: Millis | None, expected: str | None) -> Exit:
    faults: list[Fault] = []

    def report(fault: Fault) -> None:
        if not run.json:
            run.screen.say(str(fault))
        elif len(faults) < _KEPT_MAX:
            faults.append(fault)

    source = open_source(load(os.environ))
    try:
        found = verify(source, report, before)
    finally:
        source.close()
    as_expected = expected in {None, found.digest}
    if run.json:
        run.screen.document(_document(found, faults, before, expected))
    else:
        _say(run, found, before, as_expected=as_expected)
    return Exit.FAILED if found.faults or not as_expected else Exit.DONE


def _say(run: Run, found: Verdict, before: Millis | None, *, as_expected: bool) -> None:
    read = f"{found.orders:,} orders, {found.events:,} events"
    if found.faults:
        run.screen.say(f"BROKEN: {read}; faults: {found.faults:,}")
        return
    run.screen.say(f"whole: {read}")
    run.screen.say(f"digest: {found.digest} of {_digested(found, before)}")
    if not as_expected:
        run.screen.say(f"NOT as expected: {_CHANGED}")


def _document(found: Verdict, faults: list[Fault], before: Millis | None, expected: str | None) -> dict[str, Any]:
    return {
        "whole": not found.faults,
        "orders": found.orders,
        "events": found.events,
        "entries": found.entries,
        "faultCount": found.faults,
        "faults": [{"subject": fault.subject, "reason": fault.reason} for fault in faults],
        "digest": None if found.faults else found.digest,
        "digested": found.digested,
        "unfinished": found.unfinished,
        "before": None if before is None else iso(before),
        "asExpected": None if expected is None or found.faults else expected == found.digest,
    }


def _digested(found: Verdict, before: Millis | None) -> str:
    which = f"{found.digested:,} orders" + ("" if before is None else f" accepted before {iso(before)}")
    return which + (f", {found.unfinished:,} of them not ended, so it will change" if found.unfinished else "")
