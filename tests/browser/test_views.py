"""Each view as it looks: it fits, in dark and in light and on a phone, axe finds nothing serious, and it is pictured.

The pictures are for people to look at; git does not keep them, but for the README's, which UPDATE_SCREENSHOT=1 renews.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Open, Traded, trade
from tests.browser.engine import Engine, Keyed
from tests.browser.visit import Visit

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "screenshots"
PICTURE = ROOT / "docs" / "page.png"
PICTURE_BYTES = 150_000
VIEWS = ("trade", "order", "engine")
LOOKS: dict[str, dict[str, Any]] = {
    "desktop-light": {"color_scheme": "light"},
    "desktop-dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "phone": True},
}


@pytest.mark.parametrize("look", LOOKS)
def test_every_view_fits_and_axe_finds_nothing_serious(visit: Open, engine: Engine, traded: Traded, look: str) -> None:
    at = visit(engine.url, **LOOKS[look])
    found: list[str] = []
    for name in VIEWS:
        open_view(at, name, traded)
        found += faults(at, f"{name}-{look}")
    assert not found, "\n".join(found)
    red, green, blue = map(int, re.findall(r"\d+", at.page.evaluate("getComputedStyle(document.body).backgroundColor")))
    assert (red + green + blue < 3 * 128) is (look == "desktop-dark")


@pytest.mark.parametrize("look", LOOKS)
def test_signing_in_fits_and_axe_finds_nothing_serious(visit: Open, keyed: Keyed, user: str, look: str) -> None:
    at = visit(keyed.url, **LOOKS[look])
    at.expect("401")
    key = keyed.key(user)
    sign = at.page.locator("#sign")
    at.go()
    at.dialog.get_by_role("button", name="Sign in").click()
    expect(at.dialog.get_by_role("alert")).to_contain_text("Enter your key")
    found = faults(at, f"sign-in-{look}")
    at.dialog.get_by_role("button", name="Not now").click()
    expect(sign).to_have_text("Sign in")
    found += faults(at, f"signed-out-{look}") + beside(at, sign, at.connection)
    sign.click()
    at.sign_in(key)
    expect(at.connection).to_have_text("Live")
    found += beside(at, sign, at.connection)  # nobody's name is known yet
    at.sees(at.place(), "confirmed")
    expect(at.page.get_by_label("Trading as")).to_have_value(user)
    found += faults(at, f"signed-in-{look}") + beside(at, sign, at.page.get_by_label("Trading as"))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("look", LOOKS)
def test_a_halt_fits_and_axe_finds_nothing_serious(
    visit: Open, own_engine: Callable[..., Engine], user: str, look: str
) -> None:
    engine = own_engine(BESTFILL_MOCK_QUOTE_MS="8000", BESTFILL_QUOTE_TIMEOUT_MS="10000")
    order_id = engine.place(user)
    engine.halt("a test")
    at = visit(engine.url, **LOOKS[look])
    at.trade_as(user)
    expect(at.page.locator("#halted")).not_to_be_empty()
    at.sees(order_id, "routing")
    found = faults(at, f"halted-trade-{look}")
    at.page.get_by_role("link", name="Engine").click()
    expect(at.page.get_by_role("main")).to_contain_text("Halted by the operator")
    found += faults(at, f"halted-engine-{look}")
    assert not found, "\n".join(found)


def test_the_readmes_picture_is_small(visit: Open, own_engine: Callable[..., Engine]) -> None:
    if os.environ.get("UPDATE_SCREENSHOT"):
        engine = own_engine(BESTFILL_MOCK_QUOTE_MS="300-500", BESTFILL_MOCK_CONFIRM_MS="300-500")
        traded = trade(engine)
        # Now so slow that what is under way stays so while it is pictured.
        engine.kill()
        engine.start(BESTFILL_MOCK_QUOTE_MS="2000-3000", BESTFILL_MOCK_CONFIRM_MS="60000")
        at = visit(engine.url, color_scheme="light", height=740, device_scale_factor=0.85)
        open_view(at, "trade", traded)
        under_way = {}
        for amount, status in (("20", "submitted"), ("3", "routing")):
            at.sees(order_id := engine.place(traded.user, amountIn=amount), status)
            under_way[order_id] = status
        at.page.screenshot(path=PICTURE, animations="disabled")
        assert {order_id: at.row(order_id).get_attribute("data-status") for order_id in under_way} == under_way
    if not PICTURE.exists():
        pytest.skip("docs/page.png is not made yet: UPDATE_SCREENSHOT=1 makes it")
    assert PICTURE.stat().st_size < PICTURE_BYTES


def open_view(at: Visit, name: str, traded: Traded) -> None:
    """Open a view, and wait until it has its figures."""
    if name == "trade":
        at.trade_as(traded.user)
        at.fill()
        expect(at.page.get_by_role("region", name="Quotes").locator("[data-chosen=true]")).to_be_visible()
        expect(at.row(traded.retried)).to_be_visible()
    elif name == "order":
        at.go(f"#/orders/{traded.retried}")
        expect(at.page.locator("[data-attempt]")).to_have_count(3)
    else:
        at.go("#/engine")
        expect(at.page.get_by_role("main").get_by_role("img")).to_have_count(2)


def faults(at: Visit, name: str) -> list[str]:
    """Picture what is shown; give what is wrong with it."""
    PICTURES.mkdir(exist_ok=True)
    at.page.screenshot(path=PICTURES / f"{name}.png", full_page=True, animations="disabled")
    wide, window = at.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    found = [f"{name}: {fault}" for fault in serious(at)]
    if wide > window or window != at.width:
        found.append(f"{name} is {wide} wide in a window of {window}")
    return found


def beside(at: Visit, one: Locator, other: Locator) -> list[str]:
    """Give what is wrong if an element is not in the same row as another, at the right end of it."""
    here, there = one.bounding_box(), other.bounding_box()
    assert here and there
    middle, end = here["y"] + here["height"] / 2, here["x"] + here["width"]
    level = there["y"] <= middle <= there["y"] + there["height"]
    return [] if level and at.width - 24 <= end <= at.width else [f"{one} is at {here}, {other} at {there}"]


def serious(at: Visit) -> list[str]:
    """Ask axe; give what is serious, with the elements it is about."""
    return [
        f"{fault['id']}: {fault['help']}: {[(n['target'], n.get('failureSummary', '')) for n in fault['nodes']]}"
        for fault in Axe().run(at.page).response["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
