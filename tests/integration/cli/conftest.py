"""What tests of the command line need: no settings of the caller's, and a migrated database file to be copied."""

from pathlib import Path

import pytest

from bestfill_adapters.settings import OF_THE_COMMAND_LINE, VARIABLES
from bestfill_adapters.sql.migrate import migrate
from bestfill_adapters.sql.sqlite import SqliteFile


@pytest.fixture(autouse=True)
def _no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *OF_THE_COMMAND_LINE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate once; the tests work on copies."""
    path = tmp_path_factory.mktemp("migrated") / "bestfill.db"
    migrate(SqliteFile(path).url)
    return path
