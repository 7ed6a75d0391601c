"""Both clients and the command line at an engine that asks who they are."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bestfill_cli.exits import Exit
from bestfill_client import Forbidden, NotAuthorized, NotFound
from tests.embedded import Engine, environment
from tests.unit.client.shells import SHELLS, Shell


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keyed")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with Engine(folder, BESTFILL_AUTH="keys") as engine:
        yield engine.url


@pytest.fixture(scope="module")
def bestfill(folder: Path) -> Callable[..., str]:
    """Call the command line with the engine's settings."""

    def call(*arguments: str, code: int = 0, **more: str) -> str:
        command, env = [sys.executable, "-m", "bestfill_cli", *arguments], environment(folder) | more
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == code, done.stderr
        return (done.stdout or done.stderr).strip()

    return call


@pytest.fixture(scope="module")
def bob(bestfill: Callable[..., str]) -> str:
    """Give the key of somebody who may look."""
    return bestfill("keys", "create", "--user", "bob", "--scope", "read")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_key_opens_its_owners_orders_until_it_is_revoked(
    shell: Shell, url: str, bestfill: Callable[..., str], bob: str
) -> None:
    key = bestfill("keys", "create", "--user", "ann", "--scope", "trade")
    with shell(url, key=key) as engine, shell(url, key=bob) as other, shell(url, user_id="ann") as nobody:
        placed = engine.submit("SOL", "USDC", "1.5").order_id
        assert [event.status for event in engine.watch(placed)][-1] == "confirmed"
        assert engine.orders().orders[0].user_id == "ann"
        for denied, call in (
            (NotFound, lambda: other.order(placed)),
            (NotFound, lambda: list(other.watch(placed))),
            (Forbidden, lambda: other.submit("SOL", "USDC", 1)),
            (Forbidden, lambda: engine.submit("SOL", "USDC", 1, user_id="bob")),
            (NotAuthorized, nobody.orders),
            (NotAuthorized, lambda: list(nobody.watch(placed))),
        ):
            with pytest.raises(denied):
                call()
        following = engine.watch_user(since=0)
        assert next(following).seq == 1
        bestfill("keys", "revoke", key)
        with pytest.raises(NotAuthorized, match="revoked") as caught:
            list(following)
        assert caught.value.since is not None and key[-48:] not in str(caught.value)
        with pytest.raises(NotAuthorized, match="revoked"):
            list(engine.watch(placed))


def test_the_command_line_shows_the_key(url: str, bestfill: Callable[..., str], bob: str, folder: Path) -> None:
    (folder / "key").write_text(bob)
    assert bestfill("orders", "--url", url, BESTFILL_KEY=bob).endswith("0, of 0 orders")
    assert "set your key" in bestfill("submit", "SOL", "USDC", "1", "--url", url, code=Exit.DENIED)
    assert "takes the one that is set" in bestfill("doctor", "--url", url, "--key-file", str(folder / "key"), PORT="0")
