"""Fixtures: one browser and a few engines for all tests of a process, a fresh browser context for each visit."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.chromium import launch, program
from tests.browser.engine import Engine, Keyed, somebody
from tests.browser.visit import Visit

Open = Callable[..., Visit]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    place = program()
    with sync_playwright() as playwright:
        running = launch(playwright, place)
        yield running
        running.close()


@pytest.fixture(scope="package")
def engine(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Engine]:
    """Give an engine that takes about a second for an order, so that its states can be seen."""
    settings = {"BESTFILL_MOCK_QUOTE_MS": "300-500", "BESTFILL_MOCK_CONFIRM_MS": "300-500"}
    with Engine(tmp_path_factory.mktemp("engine"), **settings) as running:
        yield running


@pytest.fixture(scope="package")
def waiting_engine(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Engine]:
    """Give an engine whose venues do not answer within a test: its orders stay where they are."""
    settings = {"BESTFILL_MOCK_QUOTE_MS": "200000", "BESTFILL_QUOTE_TIMEOUT_MS": "200000"}
    with Engine(tmp_path_factory.mktemp("waiting"), BESTFILL_CONCURRENCY="100", **settings) as running:
        yield running


@pytest.fixture(scope="package")
def keyed(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Keyed]:
    """Give an engine that wants keys."""
    with Keyed(tmp_path_factory.mktemp("keyed"), BESTFILL_AUTH="keys") as running:
        yield running


@pytest.fixture
def own_engine(tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    """Give what starts an engine for one test."""
    with ExitStack() as engines:
        yield lambda **settings: engines.enter_context(Engine(tmp_path, **settings))


@pytest.fixture
def visit(browser: Browser, own_engine: object) -> Iterator[Open]:
    """Give what opens a page at an engine's address; in the end, nothing may have been wrong on any of them.

    The pages are closed before a test's own engine ends, so that none of them complains of that.
    """
    with ExitStack() as visits:

        def open_page(url: str, **options: Any) -> Visit:
            opened = Visit(browser, url, **options)
            visits.callback(opened.end)
            return opened

        yield open_page


@pytest.fixture
def user() -> str:
    return somebody()


class Traded(NamedTuple):
    """A user who has traded: some orders confirmed, one failed after three attempts, which is `retried`."""

    user: str
    confirmed: str
    retried: str


@pytest.fixture(scope="package")
def traded(engine: Engine) -> Traded:
    return trade(engine)


def trade(engine: Engine) -> Traded:
    """Have a user trade, and wait for it to end."""
    user = "user-123"
    retried = engine.place(user, amountIn="12", minAmountOut="99999")
    asked = (("SOL", "USDC", "1.5"), ("USDC", "SOL", "250"), ("JUP", "USDC", "1000.25"), ("SOL", "BONK", "0.05"))
    placed = [engine.place(user, tokenIn=a, tokenOut=b, amountIn=c, minAmountOut=None) for a, b, c in asked]
    for order_id in (*placed, retried):
        engine.ended(order_id)
    return Traded(user, placed[0], retried)
