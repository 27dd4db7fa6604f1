"""Secret keys: derived a purpose, sealed and opened, kept in a file that two processes agree on."""

from __future__ import annotations

import base64
import multiprocessing
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from septet.core.keys import Keyring, rotate
from septet.settings import WrongSettingError

ONE, OTHER = bytes(range(32)), bytes(range(32, 64))
RING = Keyring([("new", ONE), ("old", OTHER)])


def test_the_newest_key_is_the_current_one() -> None:
    assert (RING.current, RING.ids) == ("new", ("new", "old"))
    assert RING.derive("a") == RING.derive("a", "new")


def test_each_purpose_and_key_gives_another_key() -> None:
    derived = {RING.derive(purpose, key_id) for purpose in ("a", "b", "") for key_id in ("new", "old")}
    assert len(derived) == 6
    assert {len(key) for key in derived} == {32}
    assert len(RING.derive("a", length=64)) == 64


def test_it_is_hkdf_as_rfc_5869_has_it() -> None:
    """Its third case, but for the length of the key, computed by hand with hmac."""
    import hashlib
    import hmac

    extracted = hmac.digest(bytes(32), ONE, hashlib.sha256)
    assert RING.derive("purpose") == hmac.digest(extracted, b"purpose\x01", hashlib.sha256)


def test_an_unknown_key_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        RING.derive("a", "gone")


@given(plain=st.binary(max_size=200), context=st.binary(max_size=50))
def test_what_is_sealed_opens_again(plain: bytes, context: bytes) -> None:
    sealed = RING.seal("cursor", plain, context)
    assert RING.unseal("cursor", sealed, context) == plain
    assert plain not in sealed or len(plain) < 4


@given(data=st.data())
def test_any_change_of_what_was_sealed_is_found(data: st.DataObject) -> None:
    sealed = bytearray(RING.seal("cursor", b"plain text", b"context"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match="not sealed here"):
        RING.unseal("cursor", bytes(sealed), b"context")


@given(st.binary(max_size=80))
def test_anything_else_is_refused(sealed: bytes) -> None:
    with pytest.raises(ValueError, match="not sealed here"):
        RING.unseal("cursor", sealed)


def test_a_seal_holds_for_its_purpose_context_and_keys_alone() -> None:
    sealed = RING.seal("cursor", b"plain", b"here")
    assert RING.seal("cursor", b"plain", b"here") != sealed
    strangers = Keyring([("new", OTHER)])
    for ring, purpose, context in (
        (RING, "other", b"here"),
        (RING, "cursor", b"there"),
        (strangers, "cursor", b"here"),
    ):
        with pytest.raises(ValueError, match="not sealed here"):
            ring.unseal(purpose, sealed, context)
    assert Keyring([("newer", OTHER), ("new", ONE)]).unseal("cursor", sealed, b"here") == b"plain"


def test_keys_are_parsed_newest_first() -> None:
    text = f" k2:{base64.b64encode(ONE).decode()} , k1:{base64.urlsafe_b64encode(OTHER).decode().rstrip('=')}"
    ring = Keyring.parse(text)
    assert ring.ids == ("k2", "k1")
    assert ring.derive("a") == RING.derive("a")
    assert ring.derive("a", "k1") == RING.derive("a", "old")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "SEPTET_KEYS: there is no key"),
        (",", "SEPTET_KEYS: there is no key"),
        ("c2VjcmV0", "key 1: write id:base64"),
        ("K1:c2VjcmV0", "key 1: write id:base64"),
        ("k1:", "key 1: write id:base64"),
        ("a" * 17 + ":c2VjcmV0", "key 1: write id:base64"),
        ("k1:c2Vj!mV0", r"key 1 \(k1\): what follows the colon is not base64"),
        ("k1:c2VjcmV0", r"key 1 \(k1\): 6 bytes are too few"),
        (f"k1:{base64.b64encode(ONE).decode()},k1:{base64.b64encode(OTHER).decode()}", "two keys have the same id"),
    ],
)
def test_what_is_wrong_is_named_and_never_shown(text: str, complaint: str) -> None:
    with pytest.raises(WrongSettingError, match=complaint) as refused:
        Keyring.parse(text)
    assert "c2V" not in str(refused.value)


def test_a_keyring_does_not_show_its_keys() -> None:
    assert repr(RING) == "<Keyring new, old>"


def test_a_file_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "keys"
    ring = Keyring.open_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert Keyring.open_file(path).derive("a") == ring.derive("a")
    assert [entry.name for entry in path.parent.iterdir()] == ["keys"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys"
    Keyring.open_file(path)
    path.chmod(mode)
    with pytest.raises(WrongSettingError, match=f"chmod 600 {path}"):
        Keyring.open_file(path)


def test_a_file_that_is_broken_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.touch(0o600)
    path.write_bytes(b"\xff\xfe nonsense")
    with pytest.raises(WrongSettingError, match="keys: key 1"):
        Keyring.open_file(path)
    with pytest.raises(WrongSettingError, match="keys: key 1"):
        rotate(path)
    assert path.read_bytes() == b"\xff\xfe nonsense"


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(WrongSettingError):
        Keyring.open_file(tmp_path / "data" / "keys")


def test_rotating_puts_a_new_key_first_and_keeps_the_old(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    before = Keyring.open_file(path)
    sealed = before.seal("cursor", b"plain")
    after = rotate(path)
    assert after.ids == (after.current, *before.ids)
    assert after.current != before.current
    assert after.derive("a", before.current) == before.derive("a")
    assert after.unseal("cursor", sealed) == b"plain"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_process_that_died_while_writing_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "keys.new").write_text("half a ke")
    Keyring.open_file(tmp_path / "keys")
    assert [entry.name for entry in tmp_path.iterdir()] == ["keys"]


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    spawning = multiprocessing.get_context("fork")
    gate, found = spawning.Barrier(4), spawning.Queue()
    processes = [spawning.Process(target=_open_at_once, args=(tmp_path / "keys", gate, found)) for _ in range(4)]
    for process in processes:
        process.start()
    ids = {found.get(timeout=20) for _ in processes}
    for process in processes:
        process.join(20)
    assert len(ids) == 1


def _open_at_once(path: Path, gate, found) -> None:  # type: ignore[no-untyped-def]
    gate.wait(20)
    found.put(Keyring.open_file(path).ids)
    found.close()
    found.join_thread()
    os._exit(0)
