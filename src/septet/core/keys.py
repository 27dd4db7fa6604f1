"""Secret keys: from each of them, one key a purpose is derived, so that no two uses ever share one.

The keyring holds several, newest first. What is made is made with the newest; what was made with an older one
still holds, because its key id is carried along. They come from `SEPTET_KEYS`, or from a file of mode 600 in the
data folder, made at first start. A key is removed by hand, once nothing that it made is needed any longer.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from septet.settings import WrongSettingError

FILE_NAME = "keys"
SMALLEST_KEY = 32  # bytes
_KEY_ID = re.compile(r"[a-z0-9]{1,16}")
_SEALING = "seal\0"  # keeps the keys that seal apart from those that `derive` hands out
_NONCE = 12  # bytes, as AES-GCM wants it
_HEADER = "# Secret keys of this Septet, newest first. Whoever reads them can sign in as anybody. Keep a backup.\n"


class Keyring:
    """Keys by id, newest first. Its representation shows the ids alone."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        self.ids: tuple[str, ...] = tuple(key_id for key_id, _ in keys)
        self.current: str = self.ids[0]
        self._secrets = dict(keys)
        self._derived: dict[tuple[str, str, int], bytes] = {}

    def __repr__(self) -> str:
        return f"<Keyring {', '.join(self.ids)}>"

    @classmethod
    def parse(cls, text: str, where: str = "SEPTET_KEYS") -> Keyring:
        """Keys written `id:base64`, newest first, divided by commas. Raises WrongSettingError, naming `where`."""
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not parts:
            raise WrongSettingError(f"{where}: there is no key in it")
        keys = [_parse_key(part, f"{where}: key {number}") for number, part in enumerate(parts, 1)]
        if len({key_id for key_id, _ in keys}) < len(keys):
            raise WrongSettingError(f"{where}: two keys have the same id")
        return cls(keys)

    @classmethod
    def open_file(cls, path: Path) -> Keyring:
        """The keys in the file, which is made with one new key if it is not there. Raises WrongSettingError.

        Processes that start at the same moment take turns, so all of them get the key that the first one made.
        """
        try:
            with _holding_folder(path.parent):
                if not path.exists():
                    _write_file(path, [_new_key()])
            return cls.parse(_read_file(path), str(path))
        except OSError as error:
            raise WrongSettingError(f"{path}: {error.strerror or error}") from error

    def derive(self, purpose: str, key_id: str | None = None, *, length: int = 32) -> bytes:
        """The key for `purpose`, from the newest key or from the one named. Raises KeyError for an unknown id."""
        wanted = (self.current if key_id is None else key_id, purpose, length)
        derived = self._derived.get(wanted)
        if derived is None:
            derived = self._derived[wanted] = _expand(self._secrets[wanted[0]], purpose, length)
        return derived

    def seal(self, purpose: str, plain: bytes, context: bytes = b"") -> bytes:
        """`plain`, encrypted and signed (AES-256-GCM), to be opened for the same purpose and context only."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key_id = self.current.encode()
        header = bytes([len(key_id)]) + key_id
        nonce = os.urandom(_NONCE)
        cipher = AESGCM(self.derive(_SEALING + purpose))
        return header + nonce + cipher.encrypt(nonce, plain, header + context)

    @staticmethod
    def key_id_of(sealed: bytes) -> str:
        """The id of the key that sealed it."""
        return sealed[1 : 1 + sealed[0]].decode("ascii", "replace") if sealed else ""

    def unseal(self, purpose: str, sealed: bytes, context: bytes = b"") -> bytes:
        """What was sealed. Raises ValueError if it was changed, or sealed for something else or by an unknown key."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        start = 1 + (sealed[0] if sealed else 0)
        header, nonce, encrypted = sealed[:start], sealed[start : start + _NONCE], sealed[start + _NONCE :]
        try:
            cipher = AESGCM(self.derive(_SEALING + purpose, header[1:].decode("ascii")))
            return cipher.decrypt(nonce, encrypted, header + context)
        except (InvalidTag, KeyError, UnicodeDecodeError, ValueError):
            raise ValueError("this was not sealed here, or not for this, or it was changed") from None


def rotate(path: Path) -> Keyring:
    """Put a new key before those in the file. Processes that run take it up when they start again."""
    with _holding_folder(path.parent):
        old = Keyring.parse(_read_file(path), str(path))
        _write_file(path, [_new_key(), *old._secrets.items()])
    return Keyring.open_file(path)


def add(path: Path, other: Keyring) -> None:
    """Put the keys of `other` that the file lacks after those in it. Raises WrongSettingError if two share an id."""
    with _holding_folder(path.parent):
        there = dict(Keyring.parse(_read_file(path), str(path))._secrets) if path.exists() else {}
        for key_id, secret in other._secrets.items():
            if there.setdefault(key_id, secret) != secret:
                raise WrongSettingError(f"{path}: its key {key_id} is another one than that which is to be added")
        _write_file(path, list(there.items()))


def _parse_key(text: str, where: str) -> tuple[str, bytes]:
    """One `id:base64`. What is wrong is said without showing it: it may be the secret itself."""
    key_id, _, encoded = text.partition(":")
    if not encoded or not _KEY_ID.fullmatch(key_id):
        raise WrongSettingError(f"{where}: write id:base64, the id of 1 to 16 small letters and digits")
    standard = encoded.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        secret = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise WrongSettingError(f"{where} ({key_id}): what follows the colon is not base64") from None
    if len(secret) < SMALLEST_KEY:
        raise WrongSettingError(f"{where} ({key_id}): {len(secret)} bytes are too few, it needs {SMALLEST_KEY}")
    return key_id, secret


def _new_key() -> tuple[str, bytes]:
    """A random key. Its id tells the day it was made."""
    today = datetime.now(timezone.utc)
    return f"{today:%Y%m%d}{secrets.token_hex(4)}", secrets.token_bytes(SMALLEST_KEY)


def _expand(secret: bytes, purpose: str, length: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose.encode()).derive(secret)


@contextlib.contextmanager
def _holding_folder(folder: Path) -> Iterator[None]:
    """Keep other processes out of the key file, by a lock on its folder: it needs no file and dies with us."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read_file(path: Path) -> str:
    """The file's keys as `parse` reads them. Raises WrongSettingError if others than its owner may read it."""
    with path.open(errors="replace") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise WrongSettingError(f"{path}: others may read this file of secret keys; run: chmod 600 {path}")
        lines = [line.strip() for line in file]
    return ",".join(line for line in lines if line and not line.startswith("#"))


def _write_file(path: Path, keys: Sequence[tuple[str, bytes]]) -> None:
    """Write the whole file beside its place, then move it there: nobody ever reads half of one."""
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)  # left by a process that died here; we hold the folder
    lines = [f"{key_id}:{base64.b64encode(secret).decode()}\n" for key_id, secret in keys]
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(_HEADER + "".join(lines))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
