"""A copy of the SQLite file, taken before it is migrated."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path

from septet.engines.database.archive import to_disk
from septet.engines.database.backup_sqlite import copy_file
from septet.engines.database.revisions import MigrationError

KEPT = 5


def back_up(
    file: Path,
    folder: Path,
    versions: Mapping[str, str | None],
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
) -> Path:
    """Copy `file` into `folder`, check the copy, keep the newest few. The caller holds the file's turn.

    The name tells the moment and each system's version. Raises MigrationError if the copy cannot be made.
    """
    known = "-".join(f"{system}.{version}" for system, version in versions.items() if version is not None)
    copy = folder / f"{now():%Y%m%dT%H%M%S.%fZ}-{known[:160]}.db"
    partial = copy.with_suffix(".partial")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        copy_file(file, partial)
        to_disk(partial)
        partial.rename(copy)
        to_disk(folder)
    except (OSError, sqlite3.Error) as error:
        raise MigrationError(
            f"the database could not be backed up to {copy}, so it was not migrated: {error}"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    for old in sorted(folder.glob("*Z-*.db"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return copy
