"""Every way to fail is a problem, and none shows what is inside."""

import json

import httpx
import pytest

from bestfill.testing.store import MemoryStore
from tests.unit.api.house import ORDER, UNKNOWN, House, house

EXECUTE = "/api/orders/execute"
JSON = {"content-type": "application/json"}


def check(answer: httpx.Response, status: int, code: str) -> None:
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]
    assert problem.keys() <= {"type", "title", "status", "detail", "code", "errors"}
    for inside in ("Traceback", "litestar", "bestfill_api", ".py", "Exception"):
        assert inside not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api", 404, "NOT_FOUND"),
        ("GET", "/api/orders/x/y/z", 404, "NOT_FOUND"),
        ("GET", "/../../etc/passwd", 404, "NOT_FOUND"),
        ("GET", "/schema/nothing", 404, "NOT_FOUND"),
        ("GET", "/schema/nothing.json", 404, "NOT_FOUND"),
        ("DELETE", "/api/orders", 405, "METHOD_NOT_ALLOWED"),
        ("GET", EXECUTE, 405, "METHOD_NOT_ALLOWED"),
        ("PUT", f"/api/orders/{UNKNOWN}", 405, "METHOD_NOT_ALLOWED"),
        ("TRACE", "/health", 405, "METHOD_NOT_ALLOWED"),
        ("BREW", "/health", 405, "METHOD_NOT_ALLOWED"),
        ("GET", f"/ws/{UNKNOWN}", 426, "UPGRADE_REQUIRED"),
        ("GET", "/ws?userId=u", 426, "UPGRADE_REQUIRED"),
    ],
)
async def test_a_wrong_path_or_method_is_a_problem(api: House, method: str, path: str, status: int, code: str) -> None:
    answer = await api.http.request(method, path)
    check(answer, status, code)
    if status == 405:
        assert answer.headers["allow"]


async def test_a_body_over_16_kb_is_refused_with_and_without_a_length(api: House) -> None:
    long = json.dumps(ORDER | {"userId": "x" * 16_384}).encode()

    async def chunks():
        for start in range(0, len(long), 1_000):
            yield long[start : start + 1_000]

    for content in (long, chunks()):
        check(await api.http.post(EXECUTE, content=content, headers=JSON), 413, "BODY_TOO_LARGE")
    check(await api.http.post("/api/quotes", content=long, headers=JSON), 413, "BODY_TOO_LARGE")
    assert await api.placed() == 0


async def test_a_body_of_5_mb_is_refused(api: House) -> None:
    check(await api.http.post(EXECUTE, content=b" " * 5_000_000, headers=JSON), 413, "BODY_TOO_LARGE")


async def test_a_body_of_exactly_16_kb_is_read(api: House) -> None:
    body = json.dumps(ORDER).encode().ljust(16 * 1024)
    assert (await api.http.post(EXECUTE, content=body, headers=JSON)).status_code == 202


async def test_an_unexpected_error_is_500_and_its_text_stays_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(MemoryStore):
        async def get(self, *_: object):
            raise RuntimeError("password=hunter2")

    async with house(store=Broken()) as api:
        answer = await api.http.get(f"/api/orders/{UNKNOWN}")
        check(answer, 500, "INTERNAL_ERROR")
        assert "hunter2" not in answer.text
    (record,) = [r for r in caplog.records if r.getMessage() == "request failed"]
    assert record.exc_info is not None
    assert getattr(record, "path", None) == f"/api/orders/{UNKNOWN}"


async def test_a_bad_host_header_is_a_problem(api: House) -> None:
    check(await api.http.get("/health/live", headers={"host": "a b"}), 400, "VALIDATION_ERROR")


async def test_options_tell_the_methods(api: House) -> None:
    answer = await api.http.options(EXECUTE)
    assert (answer.status_code, answer.headers["allow"]) == (204, "OPTIONS, POST")
