"""What gets lost on the way: an answer, a second click, the connection, the engine itself."""

import re
from collections.abc import Callable, Iterator

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from playwright.sync_api import Route, expect

from tests.browser.conftest import Open
from tests.browser.engine import Engine, until
from tests.browser.visit import Visit
from tools.chaos.proxy import Proxy

CUT = r"WebSocket connection to|ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_SOCKET"
EXECUTE = "**/api/orders/execute"


class Way:
    """A way to an engine that can be cut, and held up until it is mended."""

    def __init__(self, portal: BlockingPortal, proxy: Proxy) -> None:
        self._portal, self._proxy = portal, proxy
        self.url = portal.call(lambda: proxy.url)

    def cut(self) -> None:
        self._portal.call(self._proxy.block)
        self._portal.call(self._proxy.cut)

    def mend(self) -> None:
        self._portal.call(self._proxy.unblock)


@pytest.fixture
def way(waiting_engine: Engine) -> Iterator[Way]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(Proxy(waiting_engine.url)) as proxy:
        yield Way(portal, proxy)


def test_after_a_cut_mid_order_no_event_is_missing_and_none_came_twice(
    way: Way, visit: Open, waiting_engine: Engine, user: str
) -> None:
    at = visit(way.url)
    at.expect(CUT)
    at.trade_as(user)
    order_id = at.place()
    at.sees(order_id, "routing")
    way.cut()
    expect(at.connection).to_have_text("Reconnecting…")
    unseen = waiting_engine.place(user)
    waiting_engine.cancel(order_id)
    assert at.row(order_id).get_attribute("data-status") == "routing"
    way.mend()
    at.sees(order_id, "failed")
    at.sees(unseen, "routing")
    expect(at.connection).to_have_text("Live")
    assert_told_once(at, waiting_engine, order_id)
    assert_told_once(at, waiting_engine, unseen)


def test_a_killed_engine_comes_back_and_the_page_goes_on_where_it_was(
    visit: Open, own_engine: Callable[..., Engine], user: str
) -> None:
    engine = own_engine(BESTFILL_MOCK_QUOTE_MS="4000")
    at = visit(engine.url)
    at.expect(CUT)
    at.trade_as(user)
    order_id = at.place()
    at.sees(order_id, "routing")
    engine.kill()
    expect(at.connection).to_have_text("Reconnecting…")
    engine.start(BESTFILL_MOCK_QUOTE_MS="0")
    at.sees(order_id, "confirmed")
    expect(at.connection).to_have_text("Live")
    assert_told_once(at, engine, order_id)


def test_after_lost_answers_the_same_order_is_placed_once_even_by_a_new_page(
    visit: Open, waiting_engine: Engine, user: str
) -> None:
    at = visit(waiting_engine.url)
    at.expect("ERR_CONNECTION_RESET")
    keys: list[str | None] = []

    def lose_two(route: Route) -> None:
        keys.append(route.request.header_value("idempotency-key"))
        if len(keys) <= 2:
            lose(route)
        else:
            route.continue_()

    at.page.route(EXECUTE, lose_two)
    at.trade_as(user)
    at.fill()
    for _ in range(2):
        with at.page.expect_event("requestfailed", lambda request: request.url.endswith("/execute")):
            at.place_order.click()
        expect(at.page.get_by_role("alert")).to_contain_text("not known whether this order was placed")
    at.page.reload()
    at.sees(at.place(), "routing")
    expect(at.page.get_by_role("alert")).to_contain_text("no second order")
    assert len(keys) == 3 and keys[0] and len(set(keys)) == 1
    assert waiting_engine.total(user) == 1
    at.place()  # once more, on purpose, is another order with another key
    assert keys[3] not in (None, keys[0])
    assert waiting_engine.total(user) == 2


def test_a_cancelling_whose_answer_is_lost_is_not_said_to_have_failed(
    visit: Open, waiting_engine: Engine, user: str
) -> None:
    order_id = waiting_engine.place(user)
    at = visit(waiting_engine.url)
    at.expect("ERR_CONNECTION_RESET")
    at.page.route("**/cancel", lose)
    at.trade_as(user)
    at.row(order_id).get_by_role("button", name="Cancel").click()
    expect(at.page.get_by_role("region", name="Orders")).to_contain_text("may be cancelled or not")
    at.sees(order_id, "failed")


def test_a_late_answer_is_shown_when_somebody_is_back_and_to_nobody_else(
    visit: Open, waiting_engine: Engine, user: str
) -> None:
    at = visit(waiting_engine.url)
    at.expect("ERR_CONNECTION_RESET")
    at.trade_as(user)
    alert, accepted = at.page.get_by_role("alert"), at.page.get_by_role("link", name=re.compile("^Order "))

    def look_at_the_engine(route: Route) -> None:
        at.page.get_by_role("link", name="Engine").click()
        expect(at.place_order).to_have_count(0)
        route.continue_()

    at.page.route(EXECUTE, look_at_the_engine, times=1)
    order_id = at.place()
    at.page.get_by_role("link", name="Trade").click()
    expect(accepted).to_have_attribute("href", f"#/orders/{order_id}")
    at.sees(order_id, "routing")
    assert waiting_engine.total(user) == 1

    def lose_it_on_another_view(route: Route) -> None:
        at.page.get_by_role("link", name="Engine").click()
        lose(route)

    at.page.route(EXECUTE, lose_it_on_another_view, times=1)
    at.fill(amount="2")
    with at.page.expect_event("requestfailed", lambda request: request.url.endswith("/execute")):
        at.place_order.click()
    at.page.get_by_role("link", name="Trade").click()
    expect(alert).to_contain_text(f"{user}: 2 SOL for USDC")

    def become_another(route: Route) -> None:
        at.become(f"{user}-other")
        route.continue_()

    at.page.route(EXECUTE, become_another, times=1)
    order_id = at.place(amount="3")
    expect(alert).to_have_text(re.compile(f"^Order {order_id[:4]}.* was placed for {user}\\.$"))
    expect(at.connection).to_have_text("Live")
    expect(accepted).to_have_count(0)
    expect(at.rows).to_have_count(0)
    assert (waiting_engine.total(user), waiting_engine.total(f"{user}-other")) == (3, 0)


def test_a_double_click_places_one_order(visit: Open, waiting_engine: Engine, user: str) -> None:
    at = visit(waiting_engine.url)
    at.trade_as(user)
    at.fill()
    at.place_order.dblclick()
    expect(at.rows).to_have_count(1)
    until(lambda: waiting_engine.total(user))
    at.page.evaluate("0")
    assert len([r for r in at.requests if r.url.endswith("/execute")]) == 1
    assert waiting_engine.total(user) == 1


def lose(route: Route) -> None:
    """Have a request reach the engine, and its answer get lost."""
    route.fetch()
    route.abort("connectionreset")


def assert_told_once(at: Visit, engine: Engine, order_id: str) -> None:
    """See that the sockets told the whole story of an order once, the later ones from where the earlier ended."""
    story = [(e["seq"], e["status"]) for e in engine.events(order_id)]
    told = [(e["seq"], e["status"]) for _, messages in at.sockets for e in messages if e["orderId"] == order_id]
    assert told == story
    assert [url for url, _ in at.sockets if "since=" in url][1:], "it never came back"
    at.row(order_id).get_by_role("link").first.click()
    expect(at.page.locator("[data-seq]")).to_have_count(len(story))
    at.page.go_back()
    expect(at.row(order_id)).to_be_visible()
