"""The page of an engine that asks who its visitors are: a key is asked for, used, forgotten, and asked for again."""

import json

from playwright.sync_api import Route, expect

from tests.browser.conftest import Open
from tests.browser.engine import Engine, Keyed

EXECUTE = "**/api/orders/execute"
REFUSED = r"40[13]|429|WebSocket connection to|ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_SOCKET"
STORED = "() => [JSON.stringify({...sessionStorage}), JSON.stringify({...localStorage})]"


def test_a_visitor_signs_in_trades_and_signs_out(visit: Open, keyed: Keyed, user: str) -> None:
    key = keyed.key(user)
    at = visit(keyed.url)
    at.expect(REFUSED)
    at.go()
    orders = at.page.get_by_role("region", name="Orders")
    expect(orders).to_contain_text("Sign in to see your orders.")
    expect(orders).not_to_contain_text("No orders yet")
    for wrong, told in (("", "Enter your key"), ("ü", "no key"), (key[:-1] + "#", "no key"), ("bf_x", "does not take")):
        at.sign_in(wrong)
        expect(at.dialog.get_by_role("alert")).to_contain_text(told)
    expect(at.connection).to_have_text("Not signed in")
    at.sign_in(key)
    expect(at.dialog).to_be_hidden()
    expect(at.connection).to_have_text("Live")
    at.sees(order_id := at.place(minimum="140"), "confirmed")
    owner = at.page.get_by_label("Trading as")
    expect(owner).to_have_value(user)
    expect(owner).to_have_attribute("readonly", "")
    at.page.goto(f"{keyed.url}/#/orders/{order_id}")
    expect(at.page.locator("[data-seq]")).to_have_count(5)

    # All of it with the key, which is nowhere else than in this tab.
    api = [request for request in at.requests if "/api/" in request.url]
    assert api[-1].header_value("authorization") == f"Bearer {key}"
    body = next(request.post_data_json for request in api if request.url.endswith("/execute"))
    assert "userId" not in body and not any("userId" in request.url for request in api[-10:])
    assert not any(key in url for url in [*(request.url for request in at.requests), *(url for url, _ in at.sockets)])
    assert key not in at.page.content()
    session, local = at.page.evaluate(STORED)
    assert key in session and key not in local

    at.page.reload()
    expect(at.page.locator("[data-seq]")).to_have_count(5)
    at.page.get_by_role("button", name="Sign out").click()
    expect(at.dialog).to_be_visible()
    session, _ = at.page.evaluate(STORED)
    assert key not in session
    at.page.keyboard.press("Escape")
    expect(at.dialog).to_be_hidden()
    at.page.get_by_role("link", name="Trade").click()
    expect(at.rows).to_have_count(0)
    expect(orders).to_contain_text("Sign in to see your orders.")


def test_a_key_that_ends_while_the_page_is_open_leaves_the_ticket_as_it_is(
    visit: Open, keyed: Keyed, user: str
) -> None:
    first, second = keyed.key(user), keyed.key(user)
    at = visit(keyed.url)
    at.expect(REFUSED)
    at.go()
    at.sign_in(first)
    expect(at.connection).to_have_text("Live")
    at.field("Minimum received").fill("7.25")
    keyed.bestfill("keys", "revoke", first)
    expect(at.dialog.get_by_role("alert")).to_contain_text("not good any more")
    expect(at.connection).to_have_text("Not signed in")
    at.sign_in(second)
    expect(at.connection).to_have_text("Live")
    expect(at.field("Minimum received")).to_have_value("7.25")
    at.sees(at.place(), "confirmed")
    # One that ended while there was no connection: a browser does not say why a handshake was refused.
    at.field("Amount").fill("")  # or the next quotes would tell of it first
    keyed.kill()
    expect(at.connection).to_have_text("Reconnecting…")
    keyed.bestfill("keys", "revoke", second)
    keyed.start()
    at.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # which does not wait for its turn
    expect(at.dialog.get_by_role("alert")).to_contain_text("not good any more")


def test_what_an_operator_forbids_and_what_is_too_much_is_told(visit: Open, waiting_engine: Engine, user: str) -> None:
    at = visit(waiting_engine.url)
    at.expect(REFUSED)

    def answer(route: Route, status: int, **fields: object) -> None:
        headers = {"content-type": "application/problem+json", "retry-after": "1"}
        route.fulfill(status=status, headers=headers, body=json.dumps({"status": status} | fields))

    at.page.route("**/api/orders?*", lambda route: answer(route, 429), times=1)
    at.go()
    expect(at.page.locator("#notice")).to_have_text("Too many requests; again in 1 s.")
    at.become(user)
    expect(at.connection).to_have_text("Live")
    expect(at.page.locator("#notice")).to_be_empty()

    alert = at.page.get_by_role("alert")
    denied = {"code": "POLICY_DENIED", "detail": "at most 100 SOL an order", "rule": "BESTFILL_MAX_NOTIONAL"}
    at.page.route(EXECUTE, lambda route: answer(route, 403, **denied), times=1)
    at.fill()
    at.place_order.click()
    expect(alert).to_have_text("at most 100 SOL an order (the operator's rule: BESTFILL_MAX_NOTIONAL)")
    at.page.route(EXECUTE, lambda route: answer(route, 429), times=1)
    at.place_order.click()
    expect(alert).to_have_text("too many requests; again in 1 s")
    expect(at.place_order).to_have_attribute("aria-disabled", "true")
    expect(alert).to_be_empty()
    at.sees(at.place(), "routing")
