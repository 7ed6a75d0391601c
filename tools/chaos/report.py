"""What a run says for people: as it goes on, and in the end."""

from collections.abc import Iterator, Mapping
from statistics import quantiles
from typing import Final

from tools.chaos.campaign import Campaign
from tools.chaos.plan import KINDS

VIOLATIONS: Final = 50
"""So many violations are shown."""
STORIES: Final = 5
"""Of so many orders that have one, all is told that is known."""
LINES: Final = 100


def progress(campaign: Campaign) -> str:
    """Say in a line how far it is."""
    plan, journal, clients = campaign.plan, campaign.journal, campaign.clients
    faults = journal.faults.total() + journal.kills.total()
    left = f"{min(journal.now_s, plan.seconds):.0f} of {plan.seconds:.0f} s"
    if journal.now_s > plan.seconds:
        left = f"coming to rest for {journal.now_s - plan.seconds:.0f} s"
    return (
        f"{left}: {len(clients.orders):,} of {plan.orders:,} orders accepted, {clients.ended:,} ended, {faults} faults,"
        f" {clients.resumed:,} sockets resumed"
    )


def report(campaign: Campaign) -> Iterator[str]:
    """Say what happened, and whether all is well."""
    journal, clients, found, plan = campaign.journal, campaign.clients, campaign.found, campaign.plan
    faults, kills = journal.faults.total(), journal.kills.total()
    rested = f"at rest {campaign.rested_s:.1f} s later"
    yield f"seed {plan.seed}: {plan.seconds:.0f} s of faults, {plan.workers} workers; {rested}"
    if found is not None:
        ends = ", ".join(f"{count:,} {status}" for status, count in sorted(found.by_status.items()))
        yield f"orders      {len(found.stored):,}: {ends}; {len(clients.cancelled)} cancelled by their users"
        outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(found.by_outcome.items()))
        yield f"attempts    {found.by_outcome.total():,}: {outcomes}"
        yield f"no answer   {clients.in_doubt} calls without a key; {len(found.untold)} of their orders are stored"
    yield f"keys        {len(clients.keyed):,} used, {clients.replays:,} accepted again"
    yield f"sockets     {clients.resumed:,} times cut, and resumed with since"
    yield f"faults      {faults + kills}: {kills} kills at failpoints, {faults} others"
    yield from _table(journal.kills)
    yield from _table({kind: journal.faults[kind] for kind in KINDS})
    healed = [seconds for seconds, _ in campaign.watch.healed]
    yield f"recoveries  {len(healed)}: {spread(healed)}"
    yield f"  of the {len(campaign.watch.orders_s):,} orders that they met: {spread(campaign.watch.orders_s)}"
    for seconds, wound in sorted(campaign.watch.healed, key=lambda one: one[0])[-3:]:
        yield f"  {seconds:.1f} s after {wound.what.strip()}, with {wound.hurt} orders in flight"
    violations = campaign.violations
    yield f"violations  {len(violations) or 'none'}"
    yield from (f"  {violation}" for violation in violations[:VIOLATIONS])
    guilty = [*dict.fromkeys(v.order_id for v in violations if v.order_id is not None)]
    for order_id in guilty[:STORIES]:
        yield from _story(campaign, order_id)


def spread(seconds: list[float]) -> str:
    """Give the median, the 99th percentile and the longest."""
    if not seconds:
        return "none"
    if len(seconds) == 1:
        return f"{seconds[0]:.1f} s"
    percentiles = quantiles(seconds, n=100, method="inclusive")
    return f"p50 {percentiles[49]:.1f} s, p99 {percentiles[98]:.1f} s, longest {max(seconds):.1f} s"


def _table(counts: Mapping[str, int]) -> Iterator[str]:
    for name, count in sorted(counts.items()):
        yield f"  {count:5}  {name}"


def _story(campaign: Campaign, order_id: str) -> Iterator[str]:
    """Tell all that is known of an order, and what was done while it was under way."""
    found = campaign.found
    one = next((one for one in found.stored if one.order.id == order_id), None) if found else None
    yield f"order {order_id}"
    if one is not None:
        yield f"  row       {one.order}"
        yield from (f"  event     {event}" for event in one.events)
        yield from (f"  attempt   {attempt}" for attempt in one.attempts)
    yield from (f"  {entry}" for entry in campaign.journal.about(order_id)[:LINES])
