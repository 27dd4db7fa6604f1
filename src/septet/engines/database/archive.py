"""A backup as one file: a gzipped tar whose first member is the manifest, with the hash of every other.

Written beside its place under another name and moved there once it is on disk, so that nobody ever finds half of one.
Read with distrust: nothing is unpacked but regular files that the manifest names, each up to the size it says, into a
folder that nobody else sees. The hashes find damage; they are no signature, so only what one made oneself is restored.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gzip
import hashlib
import io
import os
import shutil
import stat
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

from septet.engines.database.manifest import ArchiveError, KeptFile, Manifest, encode_manifest, read_manifest

MANIFEST = "manifest.json"
WORKPLACE = ".septet-work-"  # how folders begin in which archives are made and unpacked
_LONGEST_MANIFEST = 16 << 20
_LONGEST_NAME = 1024  # of a member, and what tarfile adds to it
_CHUNK = 1 << 20
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, RecursionError)  # the last: headers of headers
# Of these tarfile reads as much as they say into memory, or goes on for ever, before it gives the member they are of.
_EXTENSIONS = {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE}
_EXTENSIONS |= {tarfile.GNUTYPE_LONGLINK, tarfile.GNUTYPE_SPARSE}


@contextlib.contextmanager
def workplace(parent: Path) -> Iterator[Path]:
    """A private folder in `parent`, removed in the end. One that a killed process left behind is removed first.

    A lock tells those that are in use from those that were left. `parent` may be where anybody writes, as /tmp is, so
    what is not a folder of our own is left alone.
    """
    for found in parent.glob(f"{WORKPLACE}*"):
        if _is_ours(found):
            _remove_unless_in_use(found)
    try:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=WORKPLACE))
    except OSError as error:
        raise ArchiveError(f"there is no working in {parent}: {error.strerror or error}") from error
    lock = _lock_of(folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def kept_file(name: str, path: Path) -> KeptFile:
    with path.open("rb") as file:
        return KeptFile(name, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def write_archive(target: Path, manifest: Manifest, folder: Path) -> None:
    """Write `target`, which is not there yet, from the manifest and the files that it names, which are in `folder`.

    `folder` is a workplace on the same file system. Raises ArchiveError.
    """
    partial = folder / ".partial"
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            _write(file, manifest, folder)
            file.flush()
            os.fsync(file.fileno())
        _move_unless_there(partial, target)
        to_disk(target.parent)
    except OSError as error:
        raise ArchiveError(f"{target} cannot be written: {error.strerror or error}") from error


def unpack(archive: Path, folder: Path) -> Manifest:
    """Unpack all of `archive` into the empty `folder`, and return its manifest once every file is as it says.

    Raises ArchiveError for anything else, naming the archive.
    """
    try:
        with _members(archive) as members:
            manifest = _read_manifest(members)
            _refuse_unless_it_fits(manifest, folder)
            missing = {file.name: file for file in manifest.files}
            while member := members.next():
                if member.name not in missing:
                    raise ArchiveError(f"it is forged: it holds {member.name!r}, which its manifest does not name")
                _unpack_file(members, member, missing.pop(member.name), folder)
        if missing:
            raise ArchiveError(f"it is cut short: {min(missing)} is missing")
    except ArchiveError as error:
        raise ArchiveError(f"{archive}: {error}") from error
    except _DAMAGED as error:
        raise ArchiveError(f"{archive}: it is no backup, damaged or cut short: {error}") from error
    except OSError as error:
        raise ArchiveError(f"{archive}: {_what_failed(error)}") from error
    return manifest


def to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_ours(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except OSError:  # it just went away
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def _remove_unless_in_use(folder: Path) -> None:
    with contextlib.suppress(OSError):  # it is somebody else's, or just went away
        lock = _lock_of(folder)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def _lock_of(folder: Path) -> int:
    return os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _write(file: IO[bytes], manifest: Manifest, folder: Path) -> None:
    with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        text = encode_manifest(manifest)
        read_manifest(text)  # who writes what nobody could read learns it now
        archive.addfile(_member(MANIFEST, len(text), manifest), io.BytesIO(text))
        for kept in manifest.files:
            with (folder / kept.name).open("rb") as content:
                archive.addfile(_member(kept.name, kept.size, manifest), content)


def _member(name: str, size: int, manifest: Manifest) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(manifest.made_at.timestamp())
    return member


def _move_unless_there(partial: Path, target: Path) -> None:
    """A second name never replaces a file, as a move would. Not all file systems have second names."""
    try:
        os.link(partial, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
        partial.rename(target)


class _Header(tarfile.TarInfo):
    """A header of an archive that may be forged: of what comes before a member itself, only a long name is read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        too_long = header.type == tarfile.GNUTYPE_LONGNAME and header.size > _LONGEST_NAME
        if too_long or header.size < 0 or header.type in _EXTENSIONS:
            raise ArchiveError("it is forged: it holds a header that no backup has")
        return header


@contextlib.contextmanager
def _members(archive: Path) -> Iterator[tarfile.TarFile]:
    """One after another, without going back: nothing is read twice, and nothing is trusted to be where it should."""
    with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r|gz", tarinfo=_Header) as members:
        yield members


def _read_manifest(members: tarfile.TarFile) -> Manifest:
    first = members.next()
    if first is None or first.name != MANIFEST or not first.isreg() or first.size > _LONGEST_MANIFEST:
        raise ArchiveError(f"it is no backup of Septet: it does not begin with {MANIFEST}")
    content = members.extractfile(first)
    assert content is not None  # of a regular file
    return read_manifest(content.read())


def _refuse_unless_it_fits(manifest: Manifest, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if manifest.size > free:
        raise ArchiveError(f"unpacked it has {manifest.size:,} bytes, and {free:,} are free in {folder.parent}")


def _unpack_file(members: tarfile.TarFile, member: tarfile.TarInfo, kept: KeptFile, folder: Path) -> None:
    content = members.extractfile(member) if member.isreg() else None
    if content is None or member.size != kept.size:
        raise ArchiveError(f"it is damaged or forged: {kept.name} is not the file that its manifest tells of")
    place = folder / kept.name  # the manifest's pattern for names lets none lead out of the folder
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    hashing = hashlib.sha256()
    with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        while chunk := content.read(_CHUNK):
            hashing.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if hashing.hexdigest() != kept.sha256:
        raise ArchiveError(f"it is damaged: {kept.name} has another SHA-256 than its manifest says")


def _what_failed(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"no room is left to unpack it: {reason}" if error.errno == errno.ENOSPC else reason
