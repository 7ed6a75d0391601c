"""What tests of the command line share: one call of it, with an engine that is not there."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from bestfill_cli.main import run
from bestfill_cli.run import Run
from tests.unit.cli.engines import Engine, Following


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BESTFILL_URL", "BESTFILL_USER", "BESTFILL_KEY", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def seen() -> list[Run]:
    """Give the runs that asked for an engine, whose address and user can be looked at."""
    return []


@pytest.fixture
def bestfill(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], seen: list[Run]
) -> Callable[..., Done]:
    """Call the command line with an engine; give the exit code and what was written."""

    def call(*arguments: str, engine: Any = None, following: Any = None) -> Done:
        def give(made: Any, run: Run) -> Any:
            seen.append(run)
            return made

        asked, followed = engine or Engine(), following or Following()
        monkeypatch.setattr(Run, "engine", lambda run: give(asked, run))
        monkeypatch.setattr(Run, "streaming_engine", lambda run: give(followed, run))
        return Done(run(list(arguments)), *capsys.readouterr())

    return call
