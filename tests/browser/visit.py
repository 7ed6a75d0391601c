"""A person at the page: what they see and do there, and whatever the browser complains of meanwhile."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    WebError,
    WebSocket,
    expect,
)

TIMEOUT_MS: Final = 20_000
ABORTED: Final = "net::ERR_ABORTED"
"""How a request fails that the page itself has given up, such as a preview that is out of date."""

expect.set_options(timeout=TIMEOUT_MS)


class Visit:
    """One browser context with one page.

    `sockets` has, for each WebSocket in the order of their opening, its URL and the messages that came.
    """

    def __init__(self, browser: Browser, url: str, *, phone: bool = False, height: int = 900, **options: Any) -> None:
        self.url = url
        self.width = 390 if phone else 1280
        self.complaints: list[str] = []
        self.requests: list[Request] = []
        self.sockets: list[tuple[str, list[dict[str, Any]]]] = []
        self._expected: list[re.Pattern[str]] = []
        if phone:
            options |= {"is_mobile": True, "has_touch": True, "device_scale_factor": 2}
        self.context: BrowserContext = browser.new_context(
            viewport={"width": self.width, "height": 844 if phone else height}, **options
        )
        self.context.set_default_timeout(TIMEOUT_MS)
        self.context.on("console", self._console)
        self.context.on("weberror", self._error)
        self.context.on("request", self._request)
        self.context.on("requestfailed", self._failed)
        self.context.on("response", self._response)
        self.page: Page = self.context.new_page()
        self.page.on("websocket", self._socket)

    def expect(self, pattern: str) -> None:
        """Do not mind complaints that this is found in."""
        self._expected.append(re.compile(pattern))

    def end(self) -> None:
        """Close it, and see that nothing was wrong which the test did not expect."""
        self.page.unroute_all(behavior="wait")
        self.page.evaluate("0")  # what was said until now has come here when this is answered
        self.context.close()
        unexpected = [c for c in self.complaints if not any(p.search(c) for p in self._expected)]
        assert not unexpected, "\n".join(["the browser complains:", *unexpected])

    # What a person does

    def go(self, where: str = "#/") -> None:
        self.page.goto(f"{self.url}/{where}")

    def trade_as(self, user: str) -> None:
        """Open the trade view, and become this user there."""
        self.go()
        self.become(user)
        expect(self.connection).to_have_text("Live")

    def become(self, user: str) -> None:
        """Put another name into "Trading as"."""
        field = self.page.get_by_label("Trading as")
        field.fill(user)
        field.press("Enter")

    def fill(self, sell: str = "SOL", amount: str = "1.5", buy: str = "USDC", **more: str) -> None:
        """Fill in the ticket; `slippage` and `minimum` are left as they stand unless given."""
        self.field("Sell").select_option(sell)
        self.field("Buy").select_option(buy)
        self.field("Amount").fill(amount)
        for name, label in (("slippage", "Slippage, %"), ("minimum", "Minimum received")):
            if name in more:
                self.field(label).fill(more[name])

    def place(self, **fields: str) -> str:
        """Fill in the ticket and send it; give the order's id."""
        self.fill(**fields)
        with self.page.expect_response("**/api/orders/execute") as answer:
            self.place_order.click()
        assert answer.value.status == 202, answer.value.text()
        return answer.value.json()["orderId"]

    def sign_in(self, key: str) -> None:
        """Answer the engine's question for a key."""
        field = self.dialog.get_by_label("Key or token")
        expect(field).to_be_focused()
        field.fill(key)
        self.dialog.get_by_role("button", name="Sign in").click()

    @contextmanager
    def another_tab(self) -> Iterator[None]:
        """Have `page` be another one meanwhile, in the same browser."""
        first, self.page = self.page, self.context.new_page()
        try:
            yield
        finally:
            self.page.close()
            self.page = first

    # What a person sees

    def field(self, label: str) -> Locator:
        return self.page.get_by_label(label, exact=True)

    @property
    def place_order(self) -> Locator:
        return self.page.get_by_role("button", name="Place order")

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog", name="Sign in")

    @property
    def connection(self) -> Locator:
        return self.page.locator("#connection[role=status]")

    @property
    def blotter(self) -> Locator:
        return self.page.get_by_role("table", name="Your orders")

    @property
    def rows(self) -> Locator:
        return self.blotter.locator("[data-order]")

    def row(self, order_id: str) -> Locator:
        return self.blotter.locator(f'[data-order="{order_id}"]')

    def sees(self, order_id: str, status: str) -> None:
        """Wait until the blotter shows an order so."""
        expect(self.row(order_id)).to_have_attribute("data-status", status)

    # What the browser tells

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text} ({message.location.get('url')})")

    def _error(self, error: WebError) -> None:
        self.complaints.append(f"page error: {error.error}")

    def _request(self, request: Request) -> None:
        self.requests.append(request)
        self._same_origin(request.url)

    def _failed(self, request: Request) -> None:
        if request.failure != ABORTED:
            self.complaints.append(f"request failed: {request.failure} {request.method} {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"answer {response.status}: {response.request.method} {response.url}")

    def _socket(self, socket: WebSocket) -> None:
        self._same_origin(socket.url)
        messages: list[dict[str, Any]] = []
        self.sockets.append((socket.url, messages))
        socket.on("framereceived", lambda payload: messages.append(json.loads(payload)))

    def _same_origin(self, url: str) -> None:
        if urlsplit(url).netloc != urlsplit(self.url).netloc and not url.startswith("data:"):
            self.complaints.append(f"another origin was asked: {url}")
