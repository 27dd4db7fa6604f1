"""The mark beside a SQLite file whose rows `septet move` brought elsewhere: who went on with it would lose them."""

from __future__ import annotations

from pathlib import Path

from septet.engines.database.archive import to_disk
from septet.engines.database.postgresql_programs import split_password


def moved_mark(path: Path) -> Path:
    """The file beside a database that says where `septet move` brought it."""
    return path.with_name(f"{path.name}.moved")


def moved_to(path: Path) -> str | None:
    """Where the database at `path` was moved, None if it was not."""
    try:
        return moved_mark(path).read_text(errors="replace").strip()
    except FileNotFoundError:
        return None


def why_not_use(path: Path) -> str | None:
    """The reason for which nobody writes the file at `path`, or None."""
    target = moved_to(path)
    if target is None:
        return None
    return (
        f"{path} was moved to {target}: set SEPTET_DATABASE_URL. "
        f"To use the file as it was then, delete {moved_mark(path)}."
    )


def mark_moved(path: Path, url: str) -> None:
    """From now on no server opens the file at `path`; the mark names the target without its password."""
    mark = moved_mark(path)
    mark.write_text(f"{split_password(url)[0].rpartition('@')[2]}\n")
    to_disk(mark)
    to_disk(mark.parent)
