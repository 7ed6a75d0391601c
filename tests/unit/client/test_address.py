"""Where the engine is, and which way leads there."""

import pytest

from bestfill_client import Bestfill
from bestfill_client.address import address
from bestfill_client.errors import WrongArgument


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("given", "http", "ws"),
    [
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000", "ws://127.0.0.1:3000"),
        ("https://trade.example/bestfill/", "https://trade.example/bestfill", "wss://trade.example/bestfill"),
        ("http://[::1]:3000/", "http://[::1]:3000", "ws://[::1]:3000"),
    ],
)
def test_the_socket_is_where_http_is(given: str, http: str, ws: str) -> None:
    told = address(given, trust_env=True)
    assert (told.http, told.ws, told.proxy) == (http, ws, None)


@pytest.mark.parametrize(
    "given",
    [
        "", "127.0.0.1:3000", "ftp://h", "http://", "http:///x", "http://h:99999", "http://h:x", "http://h:0",
        "http://h?x=1", "http://h#x", "http://h\n", "http://h /", "http://ü", "http://u:hunter2@h",
        "http://" + "x" * 64, "http://[::1", None,
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_no_password_is_shown(given: str) -> None:
    with pytest.raises(WrongArgument, match="base_url") as caught:
        Bestfill(given)
    assert "hunter2" not in str(caught.value)


def test_one_proxy_leads_to_http_and_sockets_but_not_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://u:hunter2@proxy:8080")
    monkeypatch.setenv("http_proxy", "http://u:hunter2@proxy:8080")
    monkeypatch.setenv("https_proxy", "proxy:8443")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert address("http://far.example", trust_env=True).proxy == "http://u:hunter2@proxy:8080"
    assert address("https://far.example", trust_env=True).proxy == "http://proxy:8443"
    for near in (
        "http://127.0.0.1:1",
        "http://[::1]",
        "http://localhost:3000",
        "http://inside.example",
        "http://a.inside.example",
    ):
        assert address(near, trust_env=True).proxy is None
    assert address("http://far.example", trust_env=False).proxy is None


@pytest.mark.parametrize(
    "proxy",
    [
        "socks5://u:hunter2@proxy:1080", "http://u:hunter2@proxy/path", "http://u:hunter2@proxy:99999",
        "http://u:hunter2@proxy?x", "http://hunter2@proxy", "http://u:hunter2@",
    ],
)  # fmt: skip
def test_a_proxy_that_cannot_be_used_is_told_at_once(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("all_proxy", proxy)
    with pytest.raises(WrongArgument, match="NO_PROXY") as caught:
        address("http://far.example", trust_env=True)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "headers", [{"authorization": "Bearer hunter2\r\nx: y"}, {"a b": "x"}, {"": "x"}, {"x": "hunter2ü"}, {"x": 5}]
)
def test_a_header_that_cannot_be_sent_is_refused_without_showing_its_value(headers: dict[str, str]) -> None:
    with pytest.raises(WrongArgument, match="headers") as caught:
        Bestfill(headers=headers)
    assert "hunter2" not in str(caught.value)
