"""One order's page."""

from playwright.sync_api import expect

from tests.browser.conftest import Open, Traded
from tests.browser.engine import Engine


def test_a_retried_orders_page_tells_every_attempt_quote_and_event(visit: Open, engine: Engine, traded: Traded) -> None:
    order_id = traded.retried
    order = engine.order(order_id)
    at = visit(engine.url)
    at.go(f"#/orders/{order_id}")
    main = at.page.get_by_role("main")
    expect(main.get_by_role("heading", level=1)).to_contain_text("Order ")
    expect(main).to_contain_text(order_id)
    expect(main).to_contain_text(order["errorReason"])
    expect(main).to_contain_text(order["errorCode"])
    events, attempts = engine.events(order_id), engine.get(f"/api/orders/{order_id}/executions")["executions"]
    assert len(attempts) == 3
    expect(at.page.locator("[data-seq]")).to_have_count(len(events))
    expect(at.page.locator("[data-attempt]")).to_have_count(len(attempts))
    for attempt in attempts:
        shown = at.page.locator(f'[data-attempt="{attempt["attempt"]}"]')
        expect(shown).to_contain_text(attempt["errorReason"])
        for quote in attempt["quotes"]:
            expect(shown).to_contain_text(quote["dex"])
            expect(shown).to_contain_text(quote["reason"])


def test_it_moves_on_live_and_its_ids_can_be_copied(visit: Open, engine: Engine, user: str) -> None:
    at = visit(engine.url, permissions=["clipboard-read", "clipboard-write"])
    order_id = engine.place(user)
    at.go(f"#/orders/{order_id}")
    main = at.page.get_by_role("main")
    expect(main).to_contain_text("confirmed")
    order = engine.ended(order_id)
    expect(main).to_contain_text(order["txHash"])
    at.page.get_by_role("button", name="Copy").first.click()
    assert at.page.evaluate("navigator.clipboard.readText()") in (order_id, order["txHash"])


def test_an_order_that_is_not_there_is_said_to_be_not_there(visit: Open, engine: Engine) -> None:
    at = visit(engine.url)
    at.expect("404")
    at.go("#/orders/00000000-0000-7000-8000-000000000000")
    expect(at.page.get_by_role("main")).to_contain_text("there is no such order")
    at.page.get_by_role("link", name="Trade").click()
    expect(at.place_order).to_be_visible()
