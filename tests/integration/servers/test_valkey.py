"""What tests, benches and `./dev full` rely on when they use Valkey."""

from pathlib import Path

import pytest
import redis

from tools.servers import Valkey


def connect(server: Valkey, timeout_s: float = 10) -> redis.Redis:
    return redis.Redis.from_url(server.url, socket_timeout=timeout_s, retry=None)


@pytest.mark.parametrize("test", ["one", "another"])
def test_each_test_gets_an_empty_one(valkey: Valkey, redis_url: str, test: str):
    assert redis_url == valkey.url
    with connect(valkey) as client:
        assert client.incr("tests") == 1, f"{test} found what another left"


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_it_comes_back_empty_on_the_same_port(valkey: Valkey, how: str):
    url = valkey.url
    with connect(valkey) as client:
        client.set("a", 1)
        getattr(valkey, how)()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        valkey.start()
        assert (valkey.url, client.dbsize()) == (url, 0)


def test_a_paused_one_keeps_clients_waiting_until_it_is_resumed(valkey: Valkey):
    with connect(valkey, timeout_s=1) as client:
        client.set("a", 1)
        valkey.pause()
        with pytest.raises(redis.TimeoutError):
            client.get("a")
        valkey.resume()
    with connect(valkey) as client:
        assert client.get("a") == b"1"


def test_a_paused_one_can_be_stopped():
    with Valkey() as server:
        server.pause()
        server.stop()
        assert "ready to exit" in server.log.read_text()


def test_the_limit_of_clients_and_other_settings_are_the_callers():
    with Valkey(maxclients=123, settings={"hz": "50"}) as server, connect(server) as client:
        assert client.config_get("maxclients", "hz") == {"maxclients": "123", "hz": "50"}


def test_a_given_folder_keeps_the_data(open_folder: Path):
    for expected in (1, 2):
        with Valkey(open_folder / "valkey") as server, connect(server) as client:
            assert client.incr("starts") == expected
