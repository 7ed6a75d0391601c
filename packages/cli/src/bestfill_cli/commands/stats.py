"""`bestfill stats`: what the engine is doing, and did over the last minutes; with --watch again and again."""

import time
from typing import Any, Final

from bestfill_cli.exits import Exit
from bestfill_cli.run import Run
from bestfill_cli.screen import Cell, Column, Marked
from bestfill_cli.wire import document
from bestfill_cli.words import span
from bestfill_client import Activity, Bestfill, NotFound, QueueStats, SocketStats

BARS: Final = "▁▂▃▄▅▆▇█"
_BARS_MAX: Final = 60
_VENUES: Final = (
    Column("venue"),
    Column("asked", right=True),
    Column("quoted", right=True),
    Column("won", right=True),
    Column("confirmed", right=True),
    Column("last refusal", rank=1, wraps=True),
)


def stats(run: Run, *, watch: bool, every_s: float) -> Exit:
    """Show the figures once, or until interrupted."""
    with run.engine() as engine:
        while True:
            queue, sockets, activity = engine.queue_stats(), engine.socket_stats(), _activity(engine)
            if run.json:
                told: dict[str, Any] = {"queue": queue, "sockets": sockets, "activity": activity}
                run.screen.document(document(told), indent=not watch)
            else:
                if watch:
                    run.screen.clear()
                _show(run, queue, sockets, activity)
            if not watch:
                return Exit.DONE
            time.sleep(every_s)


def _activity(engine: Bestfill) -> Activity | None:
    try:
        return engine.activity()
    except NotFound:  # an engine that does not know this call
        return None


def _show(run: Run, queue: QueueStats, sockets: SocketStats, activity: Activity | None) -> None:
    screen = run.screen
    fields: dict[str, Cell] = {
        "waiting": str(queue.waiting_count),
        "delayed": str(queue.delayed_count),
        "active": f"{queue.active_count}, at most {queue.concurrency} a worker",
        "confirmed": str(queue.completed_count),
        "failed": str(queue.failed_count),
        "need a person": Marked(str(queue.dead_count), "odd" if queue.dead_count else "dim"),
        "signing": Marked("halted by an operator", "odd") if queue.halted else "goes on",
        "sockets": f"{sockets.connections} open, {sockets.events_sent} events sent, {sockets.slow_closed} too slow",
    }
    if activity is not None:
        fields |= _recent(activity, chart=screen.terminal)
    screen.record(fields)
    if activity is not None and activity.venues:
        screen.say("")
        screen.table(_VENUES, [_venue_row(venue) for venue in activity.venues])


def _recent(activity: Activity, *, chart: bool) -> dict[str, Cell]:
    steps = activity.steps
    minutes = f"{max(1, round(len(steps) * activity.step_s / 60))} min"
    told: dict[str, Cell] = {
        f"last {minutes}": f"{sum(s.accepted for s in steps)} accepted, {sum(s.confirmed for s in steps)} confirmed,"
        f" {sum(s.failed for s in steps)} failed"
    }
    timed = next((step for step in reversed(steps) if step.p50_ms is not None), None)
    if timed is not None:
        told["time to confirm"] = f"{span(timed.p50_ms)} for half, {span(timed.p95_ms)} for 95 %, of the latest"
    if chart and any(step.confirmed for step in steps):
        told[f"each {activity.step_s} s"] = Marked(_bars([step.confirmed for step in steps]), "good")
    return told


def _bars(counts: list[int]) -> str:
    shown = counts[-_BARS_MAX:]
    most = max(shown, default=0) or 1
    return "".join(BARS[(len(BARS) - 1) * count // most] for count in shown)


def _venue_row(venue: Any) -> list[Cell]:
    refusal = venue.last_refusal
    return [
        venue.dex,
        str(venue.asked),
        str(venue.quoted),
        str(venue.won),
        str(venue.confirmed),
        None if refusal is None else f"{refusal.at} {refusal.reason}",
    ]
