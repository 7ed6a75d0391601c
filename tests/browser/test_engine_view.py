"""The engine at a glance."""

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.engine import Engine


def test_figures_and_charts_show_what_the_engine_did(visit: Open, engine: Engine, user: str) -> None:
    for order_id in [engine.place(user) for _ in range(3)]:
        engine.ended(order_id)
    at = visit(engine.url)
    at.go()
    at.page.get_by_role("link", name="Engine").click()
    main = at.page.get_by_role("main")
    expect(main.get_by_role("heading", level=1)).to_have_text("Engine")
    completed = engine.get("/api/queue/stats")["completedCount"]
    assert completed >= 3
    expect(main).to_contain_text(str(completed))
    for dex in ("raydium", "meteora"):
        expect(main).to_contain_text(dex)
    charts = main.get_by_role("img")
    expect(charts).to_have_count(2)
    for chart in charts.all():
        assert chart.get_attribute("aria-label") or chart.locator("title").count()
