"""The database engines: SQLite, embedded and the default, and PostgreSQL. Both keep `septet.core.database`.

`open_database(url, settings)` chooses by the URL and touches nothing yet; `await database.start()` opens files or
connections, in the process and event loop that will use them.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from septet.core.database import Database
from septet.settings import Settings, WrongSettingError


def open_database(url: str, settings: Settings) -> Database:
    """The engine for `url`; an empty one means septet.db in the data folder. Raises WrongSettingError."""
    if url.startswith(("postgresql://", "postgres://")):
        from septet.engines.database.postgresql import PostgresqlDatabase

        return PostgresqlDatabase(url, settings)
    from septet.engines.database.sqlite import SqliteDatabase

    return SqliteDatabase(sqlite_path(url, settings), settings)


def sqlite_path(url: str, settings: Settings) -> Path:
    """The file of `sqlite:///relative` or `sqlite:////absolute`."""
    if not url:
        return settings.data_dir / "septet.db"
    path = unquote(url.removeprefix("sqlite:///"))
    if not url.startswith("sqlite:///") or path in ("", ":memory:"):
        raise WrongSettingError("SEPTET_DATABASE_URL: use sqlite:///path/to/file, or postgresql://…")
    return Path(path)
