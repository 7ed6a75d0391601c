"""The table of a user's orders: filter, status, pages."""

from playwright.sync_api import expect

from tests.browser.conftest import Open, Traded
from tests.browser.engine import Engine


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
        seen += at.rows.evaluate_all("rows => rows.map(row => row.dataset.order)")
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
    text.fill("jup")
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
