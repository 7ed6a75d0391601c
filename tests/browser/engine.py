"""The engine as a process, and the way to it."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from tests import embedded
from tests.deployed import ORDER

WITHIN_S = 30


class Engine(embedded.Engine):
    """An engine, and what to ask it by HTTP."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None, **settings: str) -> None:
        super().__init__(folder, environ, BESTFILL_MOCK_SEED="browser", **settings)
        self._http = httpx.Client(timeout=WITHIN_S, trust_env=False)

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._http.close()

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

    def halt(self, reason: str) -> None:
        """Halt it, and wait until it has heard so."""
        self._operate("halt", {"reason": reason}, halted=True)

    def resume(self) -> None:
        self._operate("resume", None, halted=False)

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

    def _operate(self, act: str, content: dict[str, str] | None, *, halted: bool) -> None:
        answer = self._http.post(f"{self.url}/api/admin/{act}", json=content)
        assert answer.status_code == 200, answer.text
        until(lambda: self.get("/api/queue/stats")["halted"] is halted)


class Keyed(Engine):
    """An engine that wants keys, and the operator's way to them."""

    def bestfill(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "bestfill_cli", *arguments]
        done = subprocess.run(command, env=self._environ, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def key(self, user: str) -> str:
        return self.bestfill("keys", "create", "--user", user, "--scope", "trade").strip()


def until(holds: Callable[[], object], within_s: float = WITHIN_S) -> None:
    """Look again and again until it holds; not for what the browser tells, which needs the thread to itself."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"did not come true within {within_s} s"
        time.sleep(0.02)


def somebody() -> str:
    """Give a user of whom nothing is known yet."""
    return f"user-{uuid4().hex[:8]}"
