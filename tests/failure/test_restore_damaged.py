"""Backups that are damaged, cut short or forged: one clear line each, and the data is as it was."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from septet.core.runtime import utc_now
from septet.engines.database import archive
from septet.engines.database.manifest import Content, Manifest
from septet.testing.databases import new_sqlite_database
from support import things
from support.backups import Septet, add, fill, forge, members, rows, write, writing
from support.sql import create_tables, execute

DATABASES = ("septet.db", "database.dump")


@pytest.fixture
def septet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Septet:
    """The command line on a database with a thousand things, and a backup of them, `good`."""
    return prepared(new_sqlite_database(tmp_path), tmp_path, monkeypatch)


@pytest.fixture
def on_either(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Septet:
    """The same on each database."""
    return prepared(database_url, tmp_path, monkeypatch)


def prepared(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Septet:
    made = Septet(monkeypatch, database_url, tmp_path / "data")
    create_tables(database_url, things.metadata)
    fill(database_url, 1000)
    made.done("backup", tmp_path / "good")
    return made


def assert_refused(septet: Septet, archive: Path, complaint: str) -> None:
    for words in (("verify", archive), ("restore", archive, "--replace")):
        assert complaint in septet.refused(*words)
    assert rows(septet.url) == 1000
    assert not list(septet.folder.parent.glob("**/.septet-*"))
    assert not list(septet.folder.parent.glob("**/*.before-restore-*"))


def database_in(content: dict[str, bytes]) -> str:
    return next(name for name in content if name in DATABASES)


def test_cut_short_anywhere(on_either: Septet, tmp_path: Path) -> None:
    whole = (tmp_path / "good").read_bytes()
    cut = tmp_path / "cut"
    for length in (0, 1, 10, 200, len(whole) // 2, len(whole) - 2000):
        cut.write_bytes(whole[:length])
        on_either.refused("verify", cut)
    assert_refused(on_either, cut, "cut")


def test_a_flipped_bit_anywhere(on_either: Septet, tmp_path: Path) -> None:
    whole = bytearray((tmp_path / "good").read_bytes())
    flipped = tmp_path / "flipped"
    for place in range(100, len(whole) - 100, len(whole) // 12):
        whole[place] ^= 0x10
        flipped.write_bytes(whole)
        whole[place] ^= 0x10
        on_either.refused("verify", flipped)
    assert_refused(on_either, flipped, "flipped")


@pytest.mark.parametrize("content", [b"", b"not an archive", os.urandom(5000)])
def test_something_else(septet: Septet, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "else").write_bytes(content)
    assert_refused(septet, tmp_path / "else", "it is no backup, damaged or cut short")


def test_no_file_or_a_folder(septet: Septet, tmp_path: Path) -> None:
    assert_refused(septet, tmp_path / "none", "No such file")
    assert_refused(septet, tmp_path, "Is a directory")


def test_another_archive(septet: Septet, tmp_path: Path) -> None:
    write(tmp_path / "photos", {"holiday.jpg": b"\xff\xd8"})
    assert_refused(septet, tmp_path / "photos", "it does not begin with manifest.json")


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "/tmp/outside",
        "mailbox/../../outside",
        "mailbox/new/../../../outside",
        ".hidden",
        "a/b/c/d",
        "a\\b",
    ],
)
def test_a_path_that_leads_out_of_the_folder(septet: Septet, tmp_path: Path, name: str) -> None:
    content = members(tmp_path / "good")
    said = msgspec.json.decode(content["manifest.json"])
    said["files"].append({"name": name, "size": 1, "sha256": "0" * 64})
    write(tmp_path / "forged", {**content, "manifest.json": msgspec.json.encode(said), name: b"x"})
    assert_refused(septet, tmp_path / "forged", "forged")
    write(tmp_path / "forged", {**content, name: b"x"})  # in the archive, but not in its manifest
    assert_refused(septet, tmp_path / "forged", "it is forged: it holds")
    assert not list(tmp_path.glob("**/outside"))
    assert not Path("/tmp/outside").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_a_link_or_device_in_the_place_of_a_file(septet: Septet, tmp_path: Path, kind: bytes) -> None:
    content = members(tmp_path / "good")
    database = database_in(content)
    with writing(tmp_path / "forged") as opened:
        add(opened, "manifest.json", content["manifest.json"])
        link = tarfile.TarInfo(database)
        link.type, link.linkname = kind, "/etc/passwd"
        opened.addfile(link, io.BytesIO())
    assert_refused(septet, tmp_path / "forged", "is not the file that its manifest tells of")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_header_that_would_fill_the_memory(septet: Septet, tmp_path: Path, kind: bytes) -> None:
    with writing(tmp_path / "forged") as opened:
        add(opened, "x", bytes(2 << 20), type=kind)
    assert_refused(septet, tmp_path / "forged", "it holds a header that no backup has")


def test_headers_of_headers_without_end(septet: Septet, tmp_path: Path) -> None:
    with writing(tmp_path / "forged") as opened:
        for _ in range(3000):
            add(opened, "x", b"name", type=tarfile.GNUTYPE_LONGNAME)
    assert_refused(septet, tmp_path / "forged", "it is no backup, damaged or cut short")


def test_a_sparse_file_whose_map_never_ends(septet: Septet, tmp_path: Path) -> None:
    content = members(tmp_path / "good")
    with writing(tmp_path / "forged") as opened:
        add(opened, "manifest.json", content["manifest.json"])
        sparse = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.size": "9"}
        add(opened, database_in(content), b"9999\n", pax_headers=sparse)
    assert_refused(septet, tmp_path / "forged", "it holds a header that no backup has")


def test_names_and_files_of_any_length_come_back(tmp_path: Path) -> None:
    name = f"mailbox/new/{'x' * 200}"
    (tmp_path / "made" / "mailbox" / "new").mkdir(parents=True)
    (tmp_path / "made" / name).write_bytes(b"Dear Ann")
    kept = [archive.kept_file(name, tmp_path / "made" / name)]
    content = Content("3", {}, [])
    made = Manifest(format=1, septet="1", made_at=utc_now(), database="sqlite", content=content, key_ids=[], files=kept)
    archive.write_archive(tmp_path / "a", made, tmp_path / "made")
    (tmp_path / "out").mkdir()
    assert archive.unpack(tmp_path / "a", tmp_path / "out").files == kept
    assert (tmp_path / "out" / name).read_bytes() == b"Dear Ann"


def test_what_strangers_put_where_anybody_writes_is_left_alone(tmp_path: Path) -> None:
    shared, mine = tmp_path / "shared", tmp_path / "mine"
    shared.mkdir()
    mine.mkdir()
    (shared / f"{archive.WORKPLACE}link").symlink_to(mine)
    trap = shared / f"{archive.WORKPLACE}trap"
    trap.mkdir()
    (trap / ".lock").symlink_to(mine / "made")
    left = shared / f"{archive.WORKPLACE}left"
    left.mkdir()
    with archive.workplace(shared) as folder:
        assert folder.parent == shared
    assert list(mine.iterdir()) == []
    assert not left.exists()


def _twice(said: Any) -> None:
    said["files"].append(said["files"][0])


def _huge(said: Any) -> None:
    said["files"][0]["size"] = 1 << 60


def _other_hash(said: Any) -> None:
    said["files"][0]["sha256"] = "0" * 64


def _no_database(said: Any) -> None:
    said["database"] = "mysql"


def _missing(said: Any) -> None:
    said["files"].append({"name": "keys", "size": 1, "sha256": "0" * 64})


def _format_nine(said: Any) -> None:
    said["format"] = 9


def _format_none(said: Any) -> None:
    said["format"] = "one"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_twice, "it names a file twice"),
        (_huge, "are free in"),
        (_other_hash, "another SHA-256"),
        (_no_database, "it names no known database"),
        (_missing, "it is cut short: keys is missing"),
        (_format_nine, "its format is 9, and this release reads up to 1"),
        (_format_none, "its manifest is damaged or forged"),
    ],
)
def test_a_manifest_that_lies(septet: Septet, tmp_path: Path, change: Callable[[Any], None], complaint: str) -> None:
    forge(tmp_path / "good", tmp_path / "forged", change)
    assert_refused(septet, tmp_path / "forged", complaint)


def _table(said: Any, name: str) -> Any:
    return next(table for table in said["content"]["tables"] if table["name"] == name)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda said: _table(said, "thing").update(rows=999), "has 1000 rows instead of 999"),
        (lambda said: _table(said, "thing").update(digest="0" * 32), "but not those that were backed up"),
        (lambda said: _table(said, "thing").update(name="other"), "the table other is missing (and 1 more faults)"),
        (lambda said: _table(said, "thing")["columns"].pop("name"), "the table thing has other columns"),
    ],
)
def test_rows_that_are_not_those_of_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], None], complaint: str
) -> None:
    septet = Septet(monkeypatch, f"sqlite:///{tmp_path / 'test.db'}", tmp_path / "data")
    create_tables(septet.url, things.metadata)
    fill(septet.url, 1000)
    septet.done("backup", tmp_path / "good")
    forge(tmp_path / "good", tmp_path / "forged", change)
    assert_refused(septet, tmp_path / "forged", complaint)


def test_a_database_that_points_to_nothing_or_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hashes hold, for the database was damaged before it was backed up."""
    septet = Septet(monkeypatch, f"sqlite:///{tmp_path / 'test.db'}", tmp_path / "data")
    create_tables(septet.url, things.metadata)
    fill(septet.url, 1000)
    execute(septet.url, "insert into part values (x'00', x'11')")
    septet.done("backup", tmp_path / "dangling")
    assert_refused(septet, tmp_path / "dangling", "rows point to rows that are not there: part to thing")
    content = members(tmp_path / "dangling")
    pages = bytearray(content["septet.db"])
    pages[8192:12288] = b"\xff" * 4096
    (tmp_path / "pages").write_bytes(pages)

    def change(said: Any) -> None:
        import hashlib

        said["files"][0]["sha256"] = hashlib.sha256(pages).hexdigest()

    write(tmp_path / "broken", {**content, "septet.db": bytes(pages)})
    forge(tmp_path / "broken", tmp_path / "forged", change)
    assert_refused(septet, tmp_path / "forged", "it is damaged: the database cannot be read")
