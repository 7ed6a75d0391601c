"""Each view as it looks: it fits, in dark and in light and on a phone, axe finds nothing serious, and it is pictured.

The pictures are for people to look at; git does not keep them, but for the README's, which UPDATE_SCREENSHOT=1 renews.
"""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Open, Traded
from tests.browser.engine import Engine
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
    PICTURES.mkdir(exist_ok=True)
    found: list[str] = []
    for name in VIEWS:
        open_view(at, name, traded)
        at.page.screenshot(path=PICTURES / f"{name}-{look}.png", full_page=True, animations="disabled")
        wide, window = at.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        if wide > window or window != at.width:
            found.append(f"{name} is {wide} wide in a window of {window}")
        found += [f"{name}: {fault}" for fault in serious(at)]
    assert not found, "\n".join(found)
    red, green, blue = map(int, re.findall(r"\d+", at.page.evaluate("getComputedStyle(document.body).backgroundColor")))
    assert (red + green + blue < 3 * 128) is (look == "desktop-dark")


def test_the_readmes_picture_is_small(visit: Open, engine: Engine, traded: Traded) -> None:
    if os.environ.get("UPDATE_SCREENSHOT"):
        at = visit(engine.url, color_scheme="light", height=740, device_scale_factor=0.85)
        open_view(at, "trade", traded)
        for amount, status in (("20", "routing"), ("3", "submitted")):
            at.sees(engine.place(traded.user, amountIn=amount), status)
        at.page.screenshot(path=PICTURE, animations="disabled")
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


def serious(at: Visit) -> list[str]:
    """Ask axe; give what is serious, with the elements it is about."""
    return [
        f"{fault['id']}: {fault['help']}: {[(n['target'], n.get('failureSummary', '')) for n in fault['nodes']]}"
        for fault in Axe().run(at.page).response["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
