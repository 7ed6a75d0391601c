"""The engine as a process, and the way to it, for tests that are not asynchronous."""

import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx

from tests.e2e.test_api_embedded import ORDER, START_S, environment

WITHIN_S = 30
SEED = "browser"


class Engine:
    """An engine over a folder of its own; `start` it again after `kill`, and it goes on at the same address."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None, **settings: str) -> None:
        self._said = folder / "said.txt"
        self._environ = environment(folder, BESTFILL_MOCK_SEED=SEED, **settings) | dict(environ or {})
        self._http = httpx.Client(timeout=WITHIN_S, trust_env=False)
        self.url = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._http.close()

    def start(self, **settings: str) -> None:
        """Start it, on any free port the first time, and wait until it is ready; the settings stay changed."""
        self._environ |= settings
        with self._said.open("ab") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bestfill_api"], env=self._environ, stdout=subprocess.PIPE, stderr=said
            )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_S)
        line = self._process.stdout.readline().decode() if ready else ""
        if not line.startswith("bestfill is ready at http://"):
            self.kill()
            raise AssertionError((line, self._said.read_text()))
        self.url = line.split()[4]
        self._environ["PORT"] = self.url.rpartition(":")[2]

    def kill(self) -> None:
        """End it at once, as a crash does."""
        with self._process:
            self._process.kill()

    def get(self, path: str, **query: object) -> Any:
        answer = self._http.get(self.url + path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def raw(self, path: str) -> httpx.Response:
        return self._http.get(self.url + path)

    def place(self, user: str, **fields: object) -> str:
        """Place the sample order for a user; give its id."""
        answer = self._http.post(f"{self.url}/api/orders/execute", json=ORDER | {"userId": user} | fields)
        assert answer.status_code == 202, answer.text
        return answer.json()["orderId"]

    def cancel(self, order_id: str) -> None:
        answer = self._http.post(f"{self.url}/api/orders/{order_id}/cancel")
        assert answer.status_code == 200, answer.text

    def order(self, order_id: str) -> dict[str, Any]:
        return self.get(f"/api/orders/{order_id}")

    def events(self, order_id: str) -> list[dict[str, Any]]:
        return self.get(f"/api/orders/{order_id}/events")["events"]

    def total(self, user: str) -> int:
        return self.get("/api/orders", userId=user)["total"]

    def ended(self, order_id: str) -> dict[str, Any]:
        """Wait until an order has ended; give it."""
        until(lambda: self.order(order_id)["status"] in ("confirmed", "failed"))
        return self.order(order_id)


def until(holds: Callable[[], object], within_s: float = WITHIN_S) -> None:
    """Look again and again until it holds; not for what the browser tells, which needs the thread to itself."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"did not come true within {within_s} s"
        time.sleep(0.02)


def somebody() -> str:
    """Give a user of whom nothing is known yet."""
    return f"user-{uuid4().hex[:8]}"
