"""The page's files: what they weigh, how they are served, how soon something is seen."""

import math
from importlib.resources import files

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Open
from tests.browser.engine import Engine

MOST_BYTES = 150_000
FIRST_PAINT_MS = 1_000
FIRST_PAINT = """() => new Promise(done => new PerformanceObserver(list => {
    for (const paint of list.getEntriesByName('first-contentful-paint')) done(paint.startTime);
}).observe({type: 'paint', buffered: true}))"""
HACK = "window.hacked = 1"
FOREIGN = "http://foreign.test/script.js"
MARKUP = f"""
    <script>{HACK}</script><script src="{FOREIGN}"></script>
    <p style="color: red" onclick="{HACK}">press me</p>
"""
SINKS = """([hack, foreign]) => [
    () => { document.createElement('script').textContent = hack; },
    () => { document.createElement('script').src = foreign; },
    () => document.body.insertAdjacentHTML('beforeend', `<img src=x onerror="${hack}">`),
].map(sink => { try { sink(); return 'done'; } catch (error) { return error.name; } })"""
TYPES = {"css": "text/css", "html": "text/html", "js": "text/javascript", "svg": "image/svg+xml"}


@pytest.fixture
def paths() -> list[str]:
    names = [file.name for file in files("bestfill_api").joinpath("web").iterdir() if file.is_file()]
    return ["/", *(f"/web/{name}" for name in sorted(names))]


def test_all_of_it_is_small_and_strictly_served(engine: Engine, paths: list[str]) -> None:
    weight = 0
    for path in paths:
        answer = engine.raw(path)
        kind = path.rpartition(".")[2] if path != "/" else "html"
        assert answer.status_code == 200, path
        assert answer.headers["content-type"].startswith(TYPES[kind]), path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = {rule.split()[0]: rule.split()[1:] for rule in answer.headers["content-security-policy"].split(";")}
        assert policy["default-src"] == ["'none'"]
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == ["'none'"]
        weight += len(answer.content) if path != "/" else 0  # index.html stands under its own name too
    assert weight < MOST_BYTES


def test_it_loads_its_own_files_alone(visit: Open, engine: Engine, paths: list[str]) -> None:
    at = visit(engine.url)
    at.go()
    expect(at.place_order).to_be_visible()
    loaded = {r.url.removeprefix(engine.url).partition("?")[0] for r in at.requests}
    assert {path for path in loaded if not path.startswith("/api/")} <= set(paths)


def test_no_inline_and_no_foreign_script_runs(visit: Open, engine: Engine) -> None:
    """Neither one that stands in the document, nor one that a script of the page would make."""
    at = visit(engine.url)
    at.expect("Content Security Policy|requires 'Trusted|failed: csp|another origin")
    at.expect("WebSocket")  # not for a document that came from here

    def add_hostile_markup(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("<body>", f"<body>{MARKUP}"))

    at.page.route(f"{engine.url}/", add_hostile_markup)
    at.page.route(FOREIGN, lambda route: route.fulfill(content_type="text/javascript", body=HACK))
    at.go()
    expect(at.place_order).to_be_visible()
    at.page.get_by_text("press me").click()
    assert at.page.evaluate(SINKS, [HACK, FOREIGN]) == ["TypeError"] * 3
    assert at.page.evaluate("window.hacked ?? null") is None
    for complaint in ("inline script", "inline event handler", "inline style", FOREIGN, "TrustedScript", "TrustedHTML"):
        assert any(complaint in heard for heard in at.complaints), complaint


def test_something_is_seen_within_a_second(visit: Open, engine: Engine) -> None:
    at = visit(engine.url)
    painted: list[float] = []
    while len(painted) < 3 and min(painted, default=math.inf) >= FIRST_PAINT_MS:  # others use this machine too
        at.page.goto("about:blank")
        at.go()
        painted.append(at.page.evaluate(FIRST_PAINT))
    assert min(painted) < FIRST_PAINT_MS, painted
