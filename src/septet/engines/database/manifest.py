"""What an archive says of itself: its manifest, `manifest.json`, and how what is found is compared with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Table

from septet.core.system import System
from septet.engines.database.digest import Kind, Shape, TableDigest, kind_of

FORMAT = 1  # of archives; one that only a later release can read has a higher one
_VERSION_TABLE = re.compile(r"([a-z][a-z0-9_]*)_version")
# One to three parts, none of which begins with a dot: nothing above or beside the folder that it is unpacked into.
_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.,:;=+@~-]*(/[A-Za-z0-9_][A-Za-z0-9_.,:;=+@~-]*){0,2}$"
_RELEASE = "^[0-9A-Za-z.!+_-]{1,64}$"  # as PEP 440 writes them


class ArchiveError(Exception):
    """A backup cannot be made, trusted or put back; the message says why, in a line."""


class KeptFile(Struct, frozen=True):
    """A file of the archive."""

    name: Annotated[str, Meta(pattern=_NAME, max_length=500)]
    size: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class KeptTable(Struct, frozen=True):
    """A table of the database: its columns, the number of its rows, and their digest."""

    name: str
    columns: dict[str, Kind]
    rows: int
    digest: str

    @property
    def shape(self) -> Shape:
        return Shape(self.name, self.columns)


class Content(Struct, frozen=True):
    """What was in a database at one moment. `engine` is the version of SQLite or PostgreSQL that held it."""

    engine: str
    revisions: dict[str, str]
    tables: list[KeptTable]
    schema: str = ""  # of PostgreSQL, that the tables are in


class Manifest(Struct, frozen=True, kw_only=True):
    """`key_ids` are the secret keys that were in use, whether or not the keys themselves are in the archive."""

    format: int
    septet: Annotated[str, Meta(pattern=_RELEASE)]
    made_at: datetime
    database: Annotated[str, Meta(pattern="^[a-z]{1,20}$")]
    content: Content
    key_ids: list[Annotated[str, Meta(pattern="^[a-z0-9]{1,16}$")]]
    files: list[KeptFile]

    @property
    def size(self) -> int:
        """Bytes of all files, unpacked."""
        return sum(file.size for file in self.files)

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.content.tables)


class _Format(Struct):
    """Only this much of a manifest is the same in every format."""

    format: Annotated[int, Meta(ge=1)]


def read_manifest(text: bytes) -> Manifest:
    """Raise ArchiveError for what is no manifest, or one of a later format than this release knows."""
    try:
        found = msgspec.json.decode(text, type=_Format).format
        if found > FORMAT:
            raise ArchiveError(f"its format is {found}, and this release reads up to {FORMAT}: use a later Septet")
        manifest = msgspec.json.decode(text, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArchiveError(f"its manifest is damaged or forged: {error}") from error
    names = [file.name for file in manifest.files]
    if len(set(names)) < len(names):
        raise ArchiveError("its manifest is forged: it names a file twice")
    return manifest


def found_shapes(columns: Iterable[tuple[str, str]], systems: Sequence[System]) -> list[Shape]:
    """The shapes of the tables that a database has, from (table, column) pairs; the kinds from the declared tables.

    Tables and columns that no installed system declares, such as those of another release, are of the kind STORED.
    """
    declared = {str(name): table for system in systems if system.tables for name, table in system.tables.tables.items()}
    found: dict[str, dict[str, Kind]] = {}
    for table, column in columns:
        found.setdefault(table, {})[column] = _kind(declared.get(table), column)
    return [Shape(table, kinds) for table, kinds in sorted(found.items())]


def _kind(table: Table | None, column: str) -> Kind:
    return kind_of(table.columns[column]) if table is not None and column in table.columns else Kind.STORED


def kept(shape: Shape, digest: TableDigest) -> KeptTable:
    return KeptTable(shape.table, dict(shape.columns), digest.rows, digest.digest)


def version_tables(shapes: Iterable[Shape]) -> dict[str, str]:
    """The tables that hold the revision of each system, by the system's name."""
    names = [shape.table for shape in shapes if set(shape.columns) == {"version_num"}]
    return {match[1]: name for name in names if (match := _VERSION_TABLE.fullmatch(name))}


def missing_tables(kept_tables: Sequence[KeptTable], shapes: Iterable[Shape]) -> list[str]:
    """How the tables that were found differ from those of the manifest, in names and columns."""
    there = {shape.table: set(shape.columns) for shape in shapes}
    promised = {table.name: set(table.columns) for table in kept_tables}
    faults = [f"the table {name} is missing" for name in sorted(promised.keys() - there.keys())]
    faults += [f"there is a table {name} that the manifest does not know" for name in sorted(there.keys() - promised)]
    both = sorted(there.keys() & promised.keys())
    return faults + [f"the table {name} has other columns" for name in both if there[name] != promised[name]]


def other_rows(table: KeptTable, found: TableDigest) -> list[str]:
    if found.rows != table.rows:
        return [f"the table {table.name} has {found.rows} rows instead of {table.rows}"]
    if found.digest != table.digest:
        return [f"the table {table.name} has {table.rows} rows, but not those that were backed up"]
    return []


def newer_systems(revisions: Mapping[str, str], systems: Sequence[System]) -> list[str]:
    """The systems whose tables are of a later release than this one; raises MigrationError for unknown revisions."""
    from septet.engines.database.revisions import standing

    standings = [standing(system, revisions.get(system.name)) for system in systems if system.migrations is not None]
    return [f"{found.system} {found.current}" for found in standings if found.is_newer]


def encode_manifest(manifest: Manifest) -> bytes:
    encoded: bytes = msgspec.json.format(msgspec.json.encode(manifest))
    return encoded
