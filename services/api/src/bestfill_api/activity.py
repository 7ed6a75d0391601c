"""What the engine has done over the last minutes, as this process hears of it: figures to look at, not to settle by."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from attrs import define, field

from bestfill.events import OrderEvent
from bestfill.order import Status
from bestfill.ports import Clock
from bestfill.units import Millis, iso, uuid7_moment
from bestfill_api.dto import ActivityStep, ActivityView, QuoteView, Refusal, VenueActivity

STEP_MS: Final = 5_000
STEPS: Final = 120
"""How many steps are kept: ten minutes."""
VENUES_MAX: Final = 64
"""Of more venues than these nothing is counted: what a message names must not fill the memory."""


@define
class _Step:
    at: int
    accepted: int = 0
    confirmed: int = 0
    failed: int = 0
    latencies_ms: Counter[int] = field(factory=Counter)
    """How many orders took how long, to three digits."""
    percentiles_ms: tuple[int | None, int | None] = None, None
    """Half of them took no longer than this, and 95 % no longer than that, as of the last `settle`."""
    asked: Counter[str] = field(factory=Counter)
    quoted: Counter[str] = field(factory=Counter)
    won: Counter[str] = field(factory=Counter)
    filled: Counter[str] = field(factory=Counter)

    def settle(self) -> None:
        """Bring the percentiles up to date."""
        self.percentiles_ms = _percentile(self.latencies_ms, 50), _percentile(self.latencies_ms, 95)


class Activity:
    """Counts events by steps of time. `venues` are shown even before anything is heard of them."""

    def __init__(self, clock: Clock, venues: Iterable[str]) -> None:
        self._clock = clock
        self._started_at = clock.now()
        self._steps = deque([_Step(self._started_at // STEP_MS * STEP_MS)], STEPS)
        self._refusals: dict[str, tuple[Millis, str] | None] = dict.fromkeys(venues)

    def hear(self, events: Sequence[OrderEvent]) -> None:
        """Count what the notifier tells."""
        step = self._step()
        for event in events:
            match event.status:
                case Status.PENDING if event.seq == 1:
                    step.accepted += 1
                case Status.CONFIRMED:
                    step.confirmed += 1
                    if (took_ms := _took_ms(event)) is not None:
                        step.latencies_ms[_three_digits(took_ms)] += 1
                    if dex := self._known(event.data.get("dex")):
                        step.filled[dex] += 1
                case Status.FAILED:
                    step.failed += 1
                case _:
                    pass
            if quotes := event.data.get("quotes"):
                self._hear_quotes(step, quotes, event.timestamp)

    def view(self) -> ActivityView:
        """Show all that is kept, oldest first; the last step is still growing."""
        self._step().settle()
        return ActivityView(
            started_at=iso(self._started_at),
            step_s=STEP_MS // 1000,
            steps=[
                ActivityStep(
                    at=iso(Millis(step.at)),
                    accepted=step.accepted,
                    confirmed=step.confirmed,
                    failed=step.failed,
                    p50_ms=step.percentiles_ms[0],
                    p95_ms=step.percentiles_ms[1],
                )
                for step in self._steps
            ],
            venues=[self._venue(dex, refused) for dex, refused in self._refusals.items()],
        )

    def _venue(self, dex: str, refused: tuple[Millis, str] | None) -> VenueActivity:
        return VenueActivity(
            dex=dex,
            asked=sum(step.asked[dex] for step in self._steps),
            quoted=sum(step.quoted[dex] for step in self._steps),
            won=sum(step.won[dex] for step in self._steps),
            confirmed=sum(step.filled[dex] for step in self._steps),
            last_refusal=Refusal(at=iso(refused[0]), reason=refused[1]) if refused else None,
        )

    def _hear_quotes(self, step: _Step, quotes: object, at: Millis) -> None:
        try:
            heard = msgspec.convert(quotes, list[QuoteView])
        except msgspec.ValidationError:  # a notifier's message may say anything
            return
        for quote in heard:
            if (dex := self._known(quote.dex)) is None:
                continue
            step.asked[dex] += 1
            step.won[dex] += quote.chosen
            if quote.amount_out is None:
                self._refusals[dex] = at, quote.reason
            else:
                step.quoted[dex] += 1

    def _known(self, dex: object) -> str | None:
        if not isinstance(dex, str):
            return None
        if dex not in self._refusals and len(self._refusals) < VENUES_MAX:
            self._refusals[dex] = None
        return dex if dex in self._refusals else None

    def _step(self) -> _Step:
        """Give the step of now, the last one if the clock was set back; of what is all to come, nothing is kept."""
        now_at, last_at = self._clock.now() // STEP_MS * STEP_MS, self._steps[-1].at
        if now_at <= last_at - STEPS * STEP_MS:
            self._steps.clear()
            self._steps.append(_Step(now_at))
        if now_at > last_at:
            self._steps[-1].settle()
            self._steps[-1].latencies_ms.clear()  # nothing will be added to it
        for at in range(max(last_at + STEP_MS, now_at - (STEPS - 1) * STEP_MS), now_at + 1, STEP_MS):
            self._steps.append(_Step(at))
        return self._steps[-1]


def _took_ms(event: OrderEvent) -> int | None:
    try:
        return event.timestamp - uuid7_moment(event.order_id)
    except ValueError:  # no id of ours
        return None


def _three_digits(ms: int) -> int:
    """Round down, so that however many orders there are, few different times are kept."""
    unit = 1
    while ms >= 1_000 * unit:
        unit *= 10
    return max(0, ms) // unit * unit


def _percentile(counts: Counter[int], percent: int) -> int | None:
    """Give the least value that at least so many percent of all do not exceed, or None of nothing."""
    wanted, found = -(-counts.total() * percent // 100), 0
    for value, count in sorted(counts.items()):
        found += count
        if found >= wanted:
            return value
    return None
