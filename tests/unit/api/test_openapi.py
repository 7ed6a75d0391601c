"""The OpenAPI document says what the API does."""

import re
from html.parser import HTMLParser

import yaml

from tests.unit.api.house import House


async def test_the_document_names_every_call_and_its_problems(api: House) -> None:
    answer = await api.http.get("/schema/openapi.json")
    assert answer.headers["content-type"].startswith("application/vnd.oai.openapi+json")
    paths = answer.json()["paths"]
    assert {(method, path) for path, methods in paths.items() for method in methods} == {
        ("post", "/api/orders/execute"),
        ("get", "/api/orders"),
        ("get", "/api/orders/{orderId}"),
        ("get", "/api/orders/{orderId}/events"),
        ("get", "/api/orders/{orderId}/executions"),
        ("post", "/api/orders/{orderId}/cancel"),
        ("post", "/api/quotes"),
        ("get", "/api/queue/stats"),
        ("get", "/api/ws/stats"),
        ("get", "/api/activity"),
        ("get", "/api/tokens"),
        ("get", "/health"),
        ("get", "/health/live"),
        ("get", "/health/ready"),
        ("get", "/metrics"),
        ("get", "/api/admin/halt"),
        ("post", "/api/admin/halt"),
        ("post", "/api/admin/resume"),
    }
    execute = paths["/api/orders/execute"]["post"]
    assert set(execute["responses"]) == {
        *("202", "400", "401", "403", "408", "409", "413", "414", "415", "421", "429", "431", "500", "503")
    }
    problem = execute["responses"]["400"]["content"]["application/problem+json"]["schema"]["$ref"]
    schemas = answer.json()["components"]["schemas"]
    assert {"type", "title", "status", "detail", "code"} == set(schemas[problem.rpartition("/")[2]]["required"])
    body = execute["requestBody"]["content"]["application/json"]["schema"]
    assert (body["additionalProperties"], set(body["required"])) == (
        False,
        {"userId", "tokenIn", "tokenOut", "amountIn"},
    )
    assert [p["name"] for p in execute["parameters"]] == ["Idempotency-Key"]
    assert [p["name"] for p in paths["/api/orders"]["get"]["parameters"]] == ["userId", "limit", "offset"]


async def test_the_document_says_which_calls_need_a_credential(api: House) -> None:
    document = (await api.http.get("/schema/openapi.json")).json()
    (name,) = document["components"]["securitySchemes"]
    assert document["security"] == [{name: []}, {}]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            needs_none = path.startswith("/health")
            assert operation.get("security") == ([{}] if needs_none else None)
            assert ({"401", "403"} <= set(operation["responses"])) is not needs_none
            assert "429" in operation["responses"]


async def test_yaml_says_the_same(api: House) -> None:
    as_json = (await api.http.get("/schema/openapi.json")).json()
    assert yaml.safe_load((await api.http.get("/schema/openapi.yaml")).text) == as_json


async def test_the_page_needs_nothing_from_elsewhere(api: House) -> None:
    answer = await api.http.get("/schema")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert not re.findall(r"https?://|<script|<link|<img|@import", answer.text)
    for text in ("/api/orders/execute", "Idempotency-Key", "minAmountOut", "Accept a market order."):
        assert text in answer.text
    checker = _Balanced()
    checker.feed(answer.text)
    assert checker.open == []


class _Balanced(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
