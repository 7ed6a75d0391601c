"""Whatever keeps what operators set keeps every promise of the port."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from bestfill.ports import ControlStore
from bestfill.testing.contracts.control import CHECKS
from bestfill.testing.control import MemoryControl
from bestfill_adapters.sql.control.postgres import PostgresControl
from bestfill_adapters.sql.control.sqlite import SqliteControl
from bestfill_adapters.sql.file import SqliteFile


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def control(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ControlStore]:
    if request.param == "memory":
        yield MemoryControl()
        return
    if request.param == "sqlite":
        file = shutil.copy(request.getfixturevalue("migrated"), tmp_path / "bestfill.db")
        control = SqliteControl(SqliteFile(file))
    else:
        control = PostgresControl(request.getfixturevalue("migrated_url"))
    await control.start()
    yield control
    await control.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_control(check: Callable[[ControlStore], Awaitable[None]], control: ControlStore) -> None:
    await check(control)
