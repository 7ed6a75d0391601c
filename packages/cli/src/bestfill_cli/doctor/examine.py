"""Has everything looked at, side by side, and waits for none of it longer than it may take."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from bestfill_cli.doctor.check import Check, wrong

Look: TypeAlias = Callable[[], Sequence[Check]]


class Examined(NamedTuple):
    """What was found; `abandoned` if some look had not come back, and may never."""

    checks: list[Check]
    abandoned: bool


def examine(looks: Mapping[str, Look], within_s: float) -> Examined:
    """Take these looks at once, in threads that nobody waits for in the end; give what they found, in their order."""
    found: dict[str, Sequence[Check]] = {}

    def take(what: str, look: Look) -> None:
        try:
            found[what] = look()
        except Exception as error:  # noqa: BLE001 - a look that fails must not hide what the others found
            mend = "look at what it says elsewhere, such as in the engine's log"
            found[what] = [wrong(what, f"the look failed with an unforeseen {type(error).__name__}", mend)]

    threads = {what: threading.Thread(target=take, args=(what, look), daemon=True) for what, look in looks.items()}
    for thread in threads.values():
        thread.start()
    until = time.monotonic() + within_s
    for thread in threads.values():
        thread.join(max(0.0, until - time.monotonic()))
    late = wrong("", f"no answer within {within_s:g} s", "see that it runs, and that this machine can reach it")
    checks = [check for what in looks for check in found.get(what, [late._replace(what=what)])]
    return Examined(checks, any(thread.is_alive() for thread in threads.values()))
