"""The control store of the settings, for a command beside or before an engine."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bestfill.errors import StoreError
from bestfill_adapters.settings import Settings
from bestfill_adapters.sql.control.store import SqlControl
from bestfill_adapters.sql.file import DATABASE, SqliteFile


@asynccontextmanager
async def opened(settings: Settings, *, make: bool = False) -> AsyncGenerator[SqlControl, None]:
    """Open the database of the settings: PostgreSQL if there is a URL, else the SQLite file.

    Args:
        settings: say where it is.
        make: whether to make the SQLite file with its tables if there is none, as an engine's first start would.

    Raises:
        StoreError: it can't be reached, or its tables are not those of this release.
    """
    if settings.database_url is not None:
        from bestfill_adapters.sql.control.postgres import PostgresControl

        control: SqlControl = PostgresControl(settings.database_url)
    else:
        from bestfill_adapters.sql.control.sqlite import SqliteControl

        file = SqliteFile(settings.data_dir / DATABASE)
        if not file.path.exists():
            if not make:
                raise StoreError(f"there is no database {file.path}: set BESTFILL_DATA_DIR to the folder that has one")
            await asyncio.to_thread(_make, file)
        control = SqliteControl(file)
    await control.start()
    try:
        yield control
    finally:
        await control.close()


def _make(file: SqliteFile) -> None:
    from bestfill_adapters.sql.migrate import migrate

    file.acquire()
    try:
        migrate(file.url)
    finally:
        file.release()
