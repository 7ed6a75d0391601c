"""Tests of the command line have no settings of the caller's."""

import pytest

from bestfill_adapters.settings import OF_THE_COMMAND_LINE, VARIABLES


@pytest.fixture(autouse=True)
def _no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *OF_THE_COMMAND_LINE):
        monkeypatch.delenv(name, raising=False)
