"""Orders from the ticket to their end, as a person follows them."""

import re
from decimal import Decimal

from playwright.sync_api import Route, expect

from tests.browser.conftest import Open
from tests.browser.engine import Engine
from tests.browser.visit import Visit


def test_an_order_is_placed_and_seen_to_be_confirmed_live(visit: Open, engine: Engine, user: str) -> None:
    at = visit(engine.url)
    at.trade_as(user)
    loads = len(at.requests)
    order_id = at.place(minimum="140")
    at.sees(order_id, "routing")
    at.sees(order_id, "confirmed")
    order = engine.order(order_id)
    assert (order["amountIn"], order["minAmountOut"], order["userId"]) == ("1.5", "140", user)
    row = at.row(order_id)
    expect(row).to_contain_text(order["dexSelected"])
    expect(row).to_contain_text(order["txHash"][:4])
    # It was told, not asked for again and again.
    told = [e["status"] for _, messages in at.sockets for e in messages if e["orderId"] == order_id]
    assert told == ["pending", "routing", "building", "submitted", "confirmed"]
    assert len([r for r in at.requests[loads:] if "/api/orders" in r.url]) <= 3


def test_every_venues_quote_is_seen_while_the_ticket_is_filled_in(visit: Open, engine: Engine, user: str) -> None:
    at = visit(engine.url)
    at.trade_as(user)
    with at.page.expect_response("**/api/quotes") as answered:
        at.fill(amount="2.5")
    preview = answered.value.json()
    quotes = at.page.get_by_role("region", name="Quotes")
    expect(quotes.locator("[data-dex]")).to_have_count(2)
    expect(quotes.locator("[data-chosen=true]")).to_have_attribute("data-dex", preview["chosen"])
    for quote in preview["quotes"]:
        venue = quotes.locator(f"[data-dex={quote['dex']}]")
        expect(venue).to_contain_text(shown(quote["amountOut"]))
        expect(venue).to_contain_text(quote["reason"])
    expect(quotes).to_contain_text(shown(preview["minOut"]))
    # What was offered for another order is gone while the venues are asked for this one.
    figures: list[int] = []

    def look(route: Route) -> None:
        figures.append(quotes.locator("[data-dex]").count())
        route.continue_()

    at.page.route("**/api/quotes", look)
    for fields in ({"amount": "7"}, {"amount": "7", "buy": "JUP"}):
        with at.page.expect_response("**/api/quotes") as answered:
            at.fill(**fields)
        expect(quotes).to_contain_text(shown(answered.value.json()["minOut"]))
    assert figures and not any(figures)
    assert engine.total(user) == 0


def test_a_minimum_that_no_venue_meets_fails_with_its_reason(visit: Open, engine: Engine, user: str) -> None:
    at = visit(engine.url)
    at.trade_as(user)
    order_id = at.place(minimum="1000000")
    at.sees(order_id, "failed")
    expect(at.row(order_id)).to_contain_text("no venue meets the minimum output")


def test_an_order_can_be_cancelled_until_it_is_signed(visit: Open, waiting_engine: Engine, user: str) -> None:
    at = visit(waiting_engine.url)
    at.trade_as(user)
    order_id = at.place()
    at.sees(order_id, "routing")
    at.blotter.get_by_role("button", name=re.compile("Cancel order ")).click()
    at.sees(order_id, "failed")
    assert waiting_engine.order(order_id)["errorCode"] == "CANCELLED"
    expect(at.blotter.get_by_role("button", name=re.compile("Cancel order "))).to_have_count(0)


def test_errors_stand_beside_their_fields_in_the_apis_words(visit: Open, waiting_engine: Engine, user: str) -> None:
    at = visit(waiting_engine.url)
    at.expect("400")
    at.trade_as(user)
    at.fill(amount="0.0000000001", slippage="11", minimum="-1")
    with at.page.expect_response("**/api/orders/execute") as answered:
        at.place_order.click()
    errors = {error["field"]: error["message"] for error in answered.value.json()["errors"]}
    assert set(errors) == {"amountIn", "minAmountOut", "slippageTolerance"}
    for name, message in errors.items():
        error = at.page.locator(f"#{name}-error")
        expect(error).to_have_text(message)
        field = at.page.locator(f'[aria-describedby~="{name}-error"]')
        expect(field).to_have_attribute("aria-invalid", "true")
    at.place(amount="1", slippage="1", minimum="")
    for name in errors:
        expect(at.page.locator(f"#{name}-error")).to_be_empty()
    assert waiting_engine.total(user) == 1


def test_an_error_stands_until_its_own_field_is_edited(visit: Open, waiting_engine: Engine, user: str) -> None:
    at = visit(waiting_engine.url)
    at.expect("400")
    at.trade_as(user)
    amount, slippage = (at.page.locator(f"#{name}-error") for name in ("amountIn", "slippageTolerance"))
    at.field("Amount").fill("abc")
    at.field("Slippage, %").focus()
    expect(amount).not_to_be_empty()
    at.page.keyboard.type("11")
    expect(amount).not_to_be_empty()
    expect(at.field("Amount")).to_have_attribute("aria-invalid", "true")
    at.field("Minimum received").focus()
    expect(slippage).not_to_be_empty()
    # It goes as its field is edited, before any quotes come; that of another stands, even if none come.
    stood: list[str] = []

    def lose(route: Route) -> None:
        stood.append(amount.inner_text())
        route.abort()

    at.page.route("**/api/quotes", lose)
    at.expect("ERR_FAILED")
    at.field("Amount").fill("2")
    expect(at.page.get_by_role("region", name="Quotes")).to_contain_text("does not answer")
    assert stood == [""]
    expect(at.field("Amount")).not_to_have_attribute("aria-invalid", "true")
    expect(slippage).not_to_be_empty()
    at.field("Amount").fill("")
    expect(slippage).not_to_be_empty()
    at.field("Slippage, %").press_sequentially(" ")  # which mends nothing
    expect(slippage).not_to_be_empty()
    at.field("Slippage, %").fill("1")
    expect(slippage).to_be_empty()
    # Of two tokens that must differ, either can be mended.
    at.page.unroute("**/api/quotes")
    bought = at.page.locator("#tokenOut-error")
    at.fill(sell="SOL", buy="SOL", amount="1")
    expect(bought).not_to_be_empty()
    at.field("Amount").fill("")
    expect(bought).not_to_be_empty()
    at.field("Sell").select_option("USDC")
    expect(bought).to_be_empty()


def test_nothing_moves_from_under_a_press_of_the_button(visit: Open, waiting_engine: Engine, user: str) -> None:
    at = visit(waiting_engine.url)
    at.expect("400")
    held: list[Route] = []
    at.page.route("**/api/quotes", lambda route: held.append(route))  # noqa: PLW0108 - a builtin can't be wrapped
    at.trade_as(user)
    mended = at.page.get_by_text("Mend the marked field")
    error = at.page.locator("#amountIn-error")

    def press(amount: str) -> None:
        """Press the button down, and only then let the preview find the errors, whose texts would move it."""
        with at.page.expect_request("**/api/quotes"):
            at.fill(amount=amount, slippage="11", minimum="-1")
        at.place_order.hover()
        at.page.mouse.down()
        while held:
            held.pop().continue_()
        expect(mended).to_be_visible()

    press("0.0000000001")
    with at.page.expect_response("**/api/orders/execute"):
        at.page.mouse.up()
    expect(error).not_to_be_empty()
    # A press that ends elsewhere asks for nothing, and what was found meanwhile is shown.
    at.field("Amount").fill("")
    expect(error).to_be_empty()
    press("0.0000000002")
    at.page.mouse.move(1, 1)
    at.page.mouse.up()
    expect(error).not_to_be_empty()
    assert len([r for r in at.requests if r.url.endswith("/execute")]) == 1


def test_an_order_is_placed_and_opened_by_keyboard_alone(visit: Open, waiting_engine: Engine, user: str) -> None:
    at = visit(waiting_engine.url)
    at.trade_as(user)
    tab_to(at, "Sell")
    at.page.keyboard.type("SOL")
    tab_to(at, "Amount")
    at.page.keyboard.press("Control+a")
    at.page.keyboard.type("0.25")
    tab_to(at, "Buy")
    at.page.keyboard.type("USDC")
    tab_to(at, "Place order")
    with at.page.expect_response("**/api/orders/execute") as answered:
        at.page.keyboard.press("Enter")
    order_id = answered.value.json()["orderId"]
    at.sees(order_id, "routing")
    for _ in range(60):
        at.page.keyboard.press("Tab")
        if order_id in (at.page.evaluate("document.activeElement.getAttribute('href')") or ""):
            break
    at.page.keyboard.press("Enter")
    expect(at.page.get_by_role("heading", level=1)).to_contain_text(f"Order {order_id[:4]}")
    assert waiting_engine.order(order_id)["amountIn"] == "0.25"


def test_enter_that_is_held_down_places_one_order(visit: Open, waiting_engine: Engine, user: str) -> None:
    at = visit(waiting_engine.url)
    at.page.clock.install()
    at.trade_as(user)
    at.fill()
    at.field("Amount").focus()
    for placed in (1, 2):
        with at.page.expect_response("**/api/orders/execute") as answered:
            at.page.keyboard.down("Enter")
        at.sees(answered.value.json()["orderId"], "routing")
        for _ in range(3):
            at.page.clock.fast_forward(1_000)  # past the pause in which a second click does nothing
            at.page.keyboard.down("Enter")  # a repetition, as long as it is not up
        at.page.keyboard.up("Enter")
        at.page.evaluate("0")
        assert len([r for r in at.requests if r.url.endswith("/execute")]) == placed
    assert waiting_engine.total(user) == 2


def tab_to(at: Visit, name: str) -> None:
    """Press Tab until the field or button of this name has the focus."""
    wanted = at.page.get_by_label(name, exact=True).or_(at.page.get_by_role("button", name=name, exact=True))
    for _ in range(40):
        at.page.keyboard.press("Tab")
        if wanted.evaluate("e => e === document.activeElement"):
            return
    raise AssertionError(f"Tab never comes to {name}")


def shown(amount: str) -> re.Pattern[str]:
    """Give how an amount may be written: with or without its last decimals and the commas of thousands."""
    whole, _, decimals = f"{Decimal(amount):,f}".partition(".")
    return re.compile(re.escape(whole).replace(",", ",?") + (rf"\.{decimals[:2]}" if decimals else ""))
