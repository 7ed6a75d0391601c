"""An engine that its operator has halted: the page says so, and why an order waits."""

from collections.abc import Callable

from playwright.sync_api import Locator, expect

from tests.browser.conftest import Open
from tests.browser.engine import Engine
from tests.browser.visit import Visit

REFUSED = "403"
TOLD = "Halted by the operator: nothing is signed and no orders are taken until it is resumed."
LONG_MS = 6_000
"""So long an order stands still before the page asks why."""


def notice(at: Visit) -> Locator:
    return at.page.get_by_role("status").filter(has_text="Halted by the operator")


def asked(at: Visit) -> int:
    return len([r for r in at.requests if r.url.endswith("/api/queue/stats")])


def test_an_order_that_waits_for_a_halt_is_explained_until_it_goes_on(
    visit: Open, own_engine: Callable[..., Engine], user: str
) -> None:
    engine = own_engine(BESTFILL_MOCK_QUOTE_MS="4000")
    at = visit(engine.url)
    at.page.clock.install()
    at.trade_as(user)
    order_id = at.place()
    at.sees(order_id, "routing")
    engine.halt("a test")
    at.page.clock.fast_forward(LONG_MS)
    expect(notice(at)).to_have_text(TOLD)
    at.row(order_id).get_by_role("link").first.click()
    expect(at.page.get_by_role("heading", level=1)).to_contain_text("Order")
    expect(notice(at)).to_be_in_viewport()
    engine.resume()
    expect(at.page.locator("#halted")).to_be_empty()
    expect(at.page.locator("[data-seq]")).to_have_count(5)


def test_who_looks_at_one_order_alone_is_told_why_it_waits(
    visit: Open, own_engine: Callable[..., Engine], user: str
) -> None:
    engine = own_engine(BESTFILL_MOCK_QUOTE_MS="4000")
    at = visit(engine.url)
    at.page.clock.install()
    at.go(f"#/orders/{engine.place(user)}")  # another's
    expect(at.page.locator("[data-seq]")).to_have_count(2)
    engine.halt("a test")
    at.page.clock.fast_forward(LONG_MS)
    expect(notice(at)).to_have_text(TOLD)


def test_a_halt_is_told_at_once_by_what_it_refuses_and_on_the_engine_view(
    visit: Open, own_engine: Callable[..., Engine], user: str
) -> None:
    engine = own_engine()
    at = visit(engine.url)
    at.expect(REFUSED)
    at.trade_as(user)
    engine.halt("a test")
    quotes = at.page.get_by_role("region", name="Quotes")
    at.fill()
    expect(quotes).to_contain_text("halted the engine")
    expect(notice(at)).to_be_in_viewport()
    at.place_order.click()
    expect(at.page.get_by_role("alert")).to_contain_text("halted the engine")
    engine.resume()
    expect(notice(at)).to_have_count(0)
    expect(quotes.locator("[data-dex]")).to_have_count(2)
    at.page.get_by_role("link", name="Engine").click()
    health = at.page.get_by_role("main").locator(".health[role=status]")
    expect(health).to_have_text("Ready: the store and the queue answer")
    engine.halt("once more")
    expect(health).to_have_text(TOLD)
    expect(notice(at)).to_have_count(1)  # it is said once
    at.page.get_by_role("link", name="Trade").click()
    expect(notice(at)).to_be_in_viewport()
    engine.resume()
    expect(notice(at)).to_have_count(0)


def test_whether_it_is_halted_is_asked_when_the_page_is_opened_and_not_for_ever(
    visit: Open, own_engine: Callable[..., Engine], user: str
) -> None:
    engine = own_engine()
    engine.halt("a test")
    at = visit(engine.url)
    at.page.clock.install()
    at.trade_as(user)
    expect(notice(at)).to_have_text(TOLD)
    engine.resume()
    expect(notice(at)).to_have_count(0)
    at.page.clock.pause_at(at.page.evaluate("Date.now()") + 1_000)
    before = asked(at)
    at.page.clock.run_for(10 * LONG_MS)
    at.page.evaluate("0")
    assert asked(at) == before


def test_the_notice_does_not_move_a_button_from_under_a_press(
    visit: Open, own_engine: Callable[..., Engine], user: str
) -> None:
    engine = own_engine()
    at = visit(engine.url)
    at.expect(REFUSED)
    at.trade_as(user)
    at.fill()
    quotes = at.page.get_by_role("region", name="Quotes")
    expect(quotes.locator("[data-chosen=true]")).to_be_visible()
    engine.halt("a test")
    at.place_order.hover()
    at.page.mouse.down()
    with at.page.expect_response("**/api/queue/stats"):
        at.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # somebody is back
    with at.page.expect_response("**/api/orders/execute") as answered:
        at.page.mouse.up()
    assert answered.value.json()["rule"] == "halt"
    expect(notice(at)).to_be_in_viewport()
