"""The table of a user's orders: filter, status, pages."""

from playwright.sync_api import expect

from tests.browser.conftest import Open, Traded
from tests.browser.engine import Engine, until
from tests.browser.visit import Visit

FRAME_MS = 50
"""Longer than a frame takes, by the page's clock."""


def test_more_orders_than_a_page_holds_are_turned_over_newest_first(
    visit: Open, waiting_engine: Engine, user: str
) -> None:
    placed = [waiting_engine.place(user, amountIn=str(n + 1), minAmountOut=None) for n in range(60)]
    newest_first = placed[::-1]
    at = visit(waiting_engine.url)
    at.trade_as(user)
    expect(at.rows.first).to_have_attribute("data-order", newest_first[0])
    newer, older = (at.page.get_by_role("button", name=name) for name in ("Newer", "Older"))
    expect(newer).to_be_disabled()
    seen: list[str] = []
    while True:
        expect(at.row(newest_first[len(seen)])).to_be_visible()
        seen += shown(at)
        if not older.is_enabled():
            break
        older.click()
    assert seen == newest_first
    while newer.is_enabled():
        before = at.rows.first.get_attribute("data-order")
        newer.click()
        expect(at.rows.first).not_to_have_attribute("data-order", before or "")
    expect(at.rows.first).to_have_attribute("data-order", newest_first[0])


def test_the_table_is_filtered_by_text_and_by_status(visit: Open, engine: Engine, traded: Traded) -> None:
    at = visit(engine.url)
    at.trade_as(traded.user)
    everything = engine.total(traded.user)
    expect(at.rows).to_have_count(everything)
    status, text = at.field("Status"), at.field("Filter orders")
    status.select_option("failed")
    expect(at.rows).to_have_count(1)
    expect(at.row(traded.retried)).to_be_visible()
    status.select_option("confirmed")
    expect(at.rows).to_have_count(everything - 1)
    text.fill("jup →")  # with an arrow, for "jup" alone may stand in a transaction's hash as well
    expect(at.rows).to_have_count(1)
    expect(at.rows).to_contain_text("JUP")
    text.fill(traded.confirmed[-12:])
    expect(at.rows).to_have_count(1)
    expect(at.row(traded.confirmed)).to_be_visible()
    text.fill("nothing like this")
    expect(at.rows).to_have_count(0)
    text.fill("")
    status.select_option(index=0)
    expect(at.rows).to_have_count(everything)


def test_users_see_their_own_orders(visit: Open, waiting_engine: Engine, user: str) -> None:
    mine, theirs = waiting_engine.place(user), waiting_engine.place(f"{user}-other")
    at = visit(waiting_engine.url)
    at.trade_as(user)
    expect(at.row(mine)).to_be_visible()
    at.trade_as(f"{user}-other")
    expect(at.row(theirs)).to_be_visible()
    expect(at.rows).to_have_count(1)
    late = waiting_engine.place(f"{user}-other")  # from elsewhere: told by the socket
    at.sees(late, "routing")
    waiting_engine.place(user)
    expect(at.rows).to_have_count(2)


def test_each_tab_keeps_its_own_user_and_shows_whom(visit: Open, waiting_engine: Engine, user: str) -> None:
    mine, theirs = waiting_engine.place(user), waiting_engine.place(f"{user}-other")
    at = visit(waiting_engine.url)
    at.trade_as(user)
    with at.another_tab():
        at.go()
        expect(at.row(mine)).to_be_visible()  # a new one begins with the last user
        with at.another_tab():
            at.trade_as(f"{user}-other")
            at.page.reload()
            expect(at.row(theirs)).to_be_visible()
        at.page.reload()
        expect(at.row(mine)).to_be_visible()
        at.become("")
        expect(at.field("Trading as")).to_have_value(user)
        expect(at.page.locator("#userId-error")).to_be_empty()
        assert waiting_engine.order(at.place())["userId"] == user


def test_rows_do_not_move_under_the_pointer(visit: Open, waiting_engine: Engine, user: str) -> None:
    placed = [waiting_engine.place(user) for _ in range(3)]
    pointed_at = placed[1]
    at = visit(waiting_engine.url)
    at.page.clock.install()
    at.trade_as(user)
    at.sees(pointed_at, "routing")
    box = at.row(pointed_at).bounding_box()
    assert box is not None
    at.page.clock.pause_at(at.page.evaluate("Date.now()") + 10_000)
    at.page.mouse.move(box["x"] + 5, box["y"] + 5)
    late = waiting_engine.place(user)
    waiting_engine.cancel(pointed_at)

    def told_of_the_end() -> bool:  # which is after the late one
        at.page.mouse.move(box["x"] + 5, box["y"] + 6)
        at.page.clock.run_for(FRAME_MS)
        return at.row(pointed_at).get_attribute("data-status") == "failed"

    until(told_of_the_end)
    assert shown(at) == placed[::-1]
    at.page.mouse.move(0, 0)
    at.page.clock.run_for(FRAME_MS)
    assert shown(at) == [late, *placed[::-1]]
    # What was asked for is shown at once, wherever the pointer is.
    at.field("Filter orders").fill(pointed_at)
    at.page.mouse.move(box["x"] + 5, box["y"] + 5)
    at.page.clock.run_for(FRAME_MS)
    assert shown(at) == [pointed_at]


def shown(at: Visit) -> list[str]:
    return at.rows.evaluate_all("rows => rows.map(row => row.dataset.order)")
