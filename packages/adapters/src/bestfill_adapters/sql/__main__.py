"""Brings the database of the settings up to date: PostgreSQL if DATABASE_URL is set, else the SQLite file."""

import os
import sys

from bestfill.errors import StoreError
from bestfill_adapters.settings import SettingsError, load
from bestfill_adapters.sql.file import DATABASE, SqliteFile
from bestfill_adapters.sql.migrate import migrate
from bestfill_adapters.sql.tables import SCHEMA


def main() -> int:
    """Migrate, and say what was done; give 2 if the settings are not valid, 1 if it failed."""
    try:
        settings = load(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        if settings.database_url is not None:
            changed, where = migrate(settings.database_url), "PostgreSQL database"
        else:
            file = SqliteFile(settings.data_dir / DATABASE)
            file.acquire()
            try:
                changed, where = migrate(file.url), f"database {file.path}"
            finally:
                file.release()
    except StoreError as error:
        sys.stderr.write(f"{error.reason}\n")
        return 1
    sys.stdout.write(f"the {where} {'now has' if changed else 'has'} the schema {SCHEMA}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
