"""Whatever users, venues and answers say is text: it is shown, it does nothing, and the page stays in shape."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Open
from tests.browser.engine import Engine
from tests.browser.visit import Visit

IMAGE = '<img src=x onerror="window.hacked=1">'
SCRIPT = "</script><script>window.hacked=1</script>"
ATTRIBUTE = '" onmouseover="window.hacked=1" x=\''
BACKWARDS = "\u202egnp.exe\u2066"
CONTROLS = "a\0b\x1b[31m\x07"
LONG = "W" * 300
NAMES = (IMAGE, SCRIPT, ATTRIBUTE, "W" * 64)
SEEN = (IMAGE, SCRIPT[:40], ATTRIBUTE, "W" * 40)
TEXTS = (IMAGE, SCRIPT, ATTRIBUTE, BACKWARDS, CONTROLS, LONG)

PLUGIN = """
from attrs import evolve
from bestfill.errors import VenueUnavailable
from bestfill.units import BaseUnits
from bestfill_adapters.mock.venue import MockVenue

NAMES = {names!r}

class Hostile(MockVenue):
    def __init__(self, number, context):
        super().__init__(NAMES[number], 0, context, usual_winner=True)
        self.number = number

    async def quote(self, request):
        if self.number == 1:
            raise VenueUnavailable(NAMES[1] + NAMES[0])
        quote = await super().quote(request)
        return evolve(quote, amount_out=BaseUnits(quote.amount_out - self.number))

def __getattr__(name):
    return lambda context: Hostile(int(name.removeprefix("make_")), context)
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, browser: object) -> Iterator[Engine]:
    """Give an engine whose venues are called, and give as reasons, what no venue should."""
    folder = tmp_path_factory.mktemp("hostile")
    info = folder / "hostile_venues-1.dist-info"
    info.mkdir()
    plugins = [f"hostile_{n}" for n in range(len(NAMES))]
    (folder / "hostile_venues.py").write_text(PLUGIN.format(names=NAMES))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile-venues\nVersion: 1\n")
    points = [f"{name} = hostile_venues:make_{n}" for n, name in enumerate(plugins)]
    (info / "entry_points.txt").write_text("\n".join(["[bestfill.venues]", *points]))
    with Engine(folder, {"PYTHONPATH": str(folder)}, BESTFILL_VENUES=",".join(plugins)) as running:
        yield running


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_hostile_venues_and_users_are_shown_as_text(visit: Open, hostile: Engine, phone: bool) -> None:
    at = visit(hostile.url, phone=phone)
    at.trade_as(IMAGE)
    with at.page.expect_response("**/api/quotes"):
        at.fill()
    quotes = at.page.get_by_role("region", name="Quotes")
    expect(quotes.locator("[data-dex]")).to_have_count(len(NAMES))
    for text in SEEN:
        expect(quotes).to_contain_text(text)
    assert_harmless(at)
    order_id = at.place()
    at.sees(order_id, "confirmed")
    expect(at.row(order_id)).to_contain_text(IMAGE)
    assert_harmless(at)
    at.go(f"#/orders/{order_id}")
    main = at.page.get_by_role("main")
    for text in (*SEEN, SCRIPT + IMAGE):
        expect(main).to_contain_text(text)
    assert_harmless(at)
    at.go("#/engine")
    for text in (*SEEN, SCRIPT + IMAGE):
        expect(main).to_contain_text(text)
    assert_harmless(at)


def test_a_user_that_cannot_be_is_refused_beside_the_field(visit: Open, engine: Engine) -> None:
    at = visit(engine.url)
    at.expect("400|WebSocket")
    at.go()
    for text in (BACKWARDS, "W" * 129):
        at.field("Trading as").fill(text)
        at.field("Trading as").press("Enter")
        expect(at.page.locator("#userId-error")).to_contain_text("must have")
        assert_harmless(at)
    at.trade_as("W" * 128)
    expect(at.page.locator("#userId-error")).to_be_empty()
    assert_harmless(at)


def test_answers_of_another_server_are_text_too(visit: Open, engine: Engine, user: str) -> None:
    order_id = engine.ended(engine.place(user))["id"]
    at = visit(engine.url)
    at.expect("503")

    def poison(route: Route) -> None:
        route.fulfill(response=(answer := route.fetch()), body=json.dumps(poisoned(answer.json())))

    def refuse(route: Route) -> None:
        problem = {"status": 503, "title": SCRIPT, "detail": IMAGE, "code": ATTRIBUTE, "errors": [{"field": IMAGE}]}
        route.fulfill(status=503, content_type="application/problem+json", body=json.dumps(problem))

    at.page.route("**/api/tokens", poison)
    at.page.route(f"**/api/orders/{order_id}**", poison)
    at.page.route(f"**/api/orders/{order_id}/executions", poison)
    at.page.route("**/api/orders?**", poison)
    at.page.route("**/api/orders/execute", refuse)
    at.trade_as(user)
    expect(at.rows).to_have_count(1)
    assert_harmless(at)
    at.page.unroute("**/api/tokens")
    at.page.reload()
    at.fill()
    at.place_order.click()
    expect(at.page.get_by_role("alert").filter(has_text=IMAGE)).to_be_visible()
    assert_harmless(at)
    at.go(f"#/orders/{order_id}")
    expect(at.page.get_by_role("main")).to_contain_text(IMAGE)
    assert_harmless(at)


def poisoned(value: object, key: str = "") -> object:
    """Replace each text of an answer by something hostile, but for the ids and times that hold it together."""
    match value:
        case dict():
            return {name: poisoned(inner, name) for name, inner in value.items()}
        case list():
            return [poisoned(inner, key) for inner in value]
        case str() if key not in ("id", "orderId", "mint") and not key.endswith("At"):
            return TEXTS[len(key) % len(TEXTS)] + IMAGE
        case _:
            return value


def assert_harmless(at: Visit) -> None:
    """See that nothing ran or became an element, and that the page is no wider than its window."""
    found = at.page.evaluate(
        """() => ({
            hacked: window.hacked ?? null,
            elements: document.querySelectorAll('img[src=x], script:not([src]), [onerror], [onmouseover]').length,
            wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        })"""
    )
    assert found == {"hacked": None, "elements": 0, "wider": 0}
