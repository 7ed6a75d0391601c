"""`./dev chaos`: a short run of it, what its audit would find, and how it ends when it is told to."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import asyncpg
import pytest

from bestfill.order import Status
from tests.integration.full.supervised import supervised
from tools.chaos.audit import Audit, audit
from tools.chaos.campaign import Campaign
from tools.chaos.plan import KINDS, Plan
from tools.chaos.report import report
from tools.servers import Postgres, Valkey
from tools.servers.databases import create_database, drop_database

PLAN = Plan(seed=1, seconds=15, orders=150, workers=2)
DOCTORED = {
    "swap": "INSERT INTO mock_landings SELECT 'again', order_id, outcome, amount_in, amount_out, slot, landed_at"
    " FROM mock_landings WHERE outcome = 'landed' AND order_id = $1",
    "bound": "UPDATE mock_landings SET amount_out = 1 WHERE outcome = 'landed' AND order_id = $1",
    "story": "DELETE FROM order_events WHERE order_id = $1 AND seq = 2",
    "reader": "UPDATE order_events SET timestamp = timestamp + 1 WHERE order_id = $1 AND seq = 1",
    "end": "UPDATE orders SET status = 'submitted', completed_at = NULL WHERE id = $1",
    "attempts": "UPDATE order_executions SET outcome = NULL WHERE order_id = $1 AND outcome = 'landed'",
}
"""By the rule that must find it: what is done to an order that was confirmed."""
LOST = (
    "DELETE FROM idempotency_keys WHERE order_id = $1",
    "DELETE FROM order_failures WHERE order_id = $1",
    "DELETE FROM orders WHERE id = $1",
)


@pytest.mark.timeout(300)  # some 40 s; more only where the machine has no time
async def test_no_order_is_lost_or_swapped_twice_and_the_audit_would_see_it(postgres: Postgres, valkey: Valkey):
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    campaign = Campaign(PLAN, postgres, valkey, environ)
    try:
        violations = await campaign.run()
        told = "\n".join(report(campaign))
        assert not violations, told
        assert len(campaign.clients.orders) == PLAN.orders
        assert campaign.journal.faults.keys() == KINDS.keys(), "not every fault came"
        assert campaign.clients.replays and campaign.clients.resumed
        assert campaign.watch.healed and not campaign.watch.open
        assert campaign.found is not None
        await _doctored_orders_are_found(campaign, campaign.found)
    finally:
        drop_database(postgres.url, campaign.database_url)


async def _doctored_orders_are_found(campaign: Campaign, found: Audit) -> None:
    confirmed = [one.order.id for one in found.stored if one.order.status is Status.CONFIRMED]
    mine = iter(order_id for order_id in confirmed if order_id in campaign.clients.orders)
    guilty = {rule: next(mine) for rule in (*DOCTORED, "promise")}
    with _copy(campaign) as url:
        connection = await asyncpg.connect(url)
        try:
            for rule, statement in DOCTORED.items():
                assert _rows(await connection.execute(statement, guilty[rule])) == 1, rule
            for statement in LOST:
                await connection.execute(statement, guilty["promise"])
        finally:
            await connection.close()
        seen = (await audit(url, campaign.clients)).violations
    for rule, order_id in guilty.items():
        assert any(v.rule == rule and order_id in str(v) for v in seen), f"{rule} of {order_id}: {_told(seen)}"
    assert any(v.rule == "counts" for v in seen)


@contextmanager
def _copy(campaign: Campaign) -> Iterator[str]:
    url = create_database(campaign.postgres.url, campaign.database_url.rpartition("/")[2])
    try:
        yield url
    finally:
        drop_database(campaign.postgres.url, url)


def _rows(done: str) -> int:
    return int(done.rpartition(" ")[2])


def _told(seen: Sequence[object]) -> str:
    return "\n".join(map(str, seen))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_it_early_nothing_is_left(number: signal.Signals):
    with supervised("./dev", "chaos", "--seconds", "60", "--seed", "5", "--workers", "1") as run:
        run.until(r"[1-9]\d* of 60 s")  # the services are there
        run.remember()
        os.kill(run.process.pid, number)
        code = run.ended()
        if number is not signal.SIGKILL:
            assert (code, run.said[-1]) == (1, "chaos: stopped before its end, so nothing is proven")
        assert run.nothing_is_left()
