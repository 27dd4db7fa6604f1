"""The small commands: what there is, keys, mail and settings."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from msgspec import Struct

from septet import __version__
from septet.cli.main import COMMANDS, cli
from septet.cli.masking import masked, without_password
from septet.core.mail import Message
from septet.engines.mail.mailbox import LocalMailbox

Call = Callable[..., Result]


class Provider(Struct):
    """A setting that has parts."""

    name: str
    client_secret: str


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls `septet` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(cli, words)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_table_says(name: str, call: Call) -> None:
    module, _, attribute = COMMANDS[name][0].partition(":")
    assert getattr(importlib.import_module(module), attribute).name == name
    result = call(name, "--help")
    assert (result.exit_code, result.output.startswith("Usage: ")) == (0, True)


def test_help_lists_them_and_version_says_ours(call: Call) -> None:
    assert all(name in call("--help").output for name in COMMANDS)
    assert call("--version").output == f"septet {__version__}\n"
    assert call("srve").exit_code == 2


@pytest.mark.parametrize("words", ["--help", "settings", "mail list", "keys --help"])
def test_a_light_command_loads_nothing_heavy(words: str, tmp_path: Path) -> None:
    script = (
        "import sys; from septet.cli.main import cli\n"
        f"try: cli({words.split()!r})\n"
        "finally: print(sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "'click'" in ran.stderr
    for heavy in ("sqlalchemy", "httptools", "asyncpg", "alembic", "structlog", "jinja2"):
        assert f"'{heavy}'" not in ran.stderr


def test_keys_are_listed_and_rotated(call: Call, tmp_path: Path) -> None:
    from septet.core.keys import Keyring

    assert call("keys", "list").exit_code == 1
    assert not (tmp_path / "data").exists()
    first = Keyring.open_file(tmp_path / "data" / "keys").current
    assert call("keys", "list").output == f"{first}  makes what is new\n"
    result = call("keys", "rotate")
    assert result.exit_code == 0
    lines = call("keys", "list").output.splitlines()
    assert lines[1] == first
    assert lines[0].partition(" ")[0] in result.output


def test_keys_from_the_environment_are_rotated_there(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEPTET_KEYS", "k1:" + "A" * 43 + "=")
    assert call("keys", "list").output == "k1  makes what is new\n"
    result = call("keys", "rotate")
    assert (result.exit_code, "SEPTET_KEYS" in result.output) == (2, True)


def test_mail_is_listed_shown_and_cleared(call: Call, tmp_path: Path) -> None:
    assert call("mail").output == "The mailbox is empty.\n"
    assert call("mail", "show").exit_code == 1
    box = LocalMailbox(tmp_path / "data" / "mailbox", "Septet <septet@example.org>")
    for number in (1, 2):
        asyncio.run(box.send(Message("ann@example.com", f"Letter {number}", f"Dear \x1b[31mAnn {number}\n")))
    lines = call("mail", "list").output.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2"]
    assert lines[0].endswith("ann@example.com  Letter 1")
    shown = call("mail", "show", "1").output
    assert "Subject: Letter 1\n\nDear ?[31mAnn 1\n" in shown
    assert call("mail", "show").output.count("Letter 2") == 1
    assert call("mail", "show", "3").exit_code == 1
    assert call("mail", "clear").output == "2 letters removed.\n"


def test_letters_that_others_put_there_are_shown_too(call: Call, tmp_path: Path) -> None:
    box = tmp_path / "data" / "mailbox" / "new"
    box.mkdir(parents=True)
    (box / "1.bare").write_bytes(b"Hello")
    (box / "2.odd").write_bytes(b"Date: yesterday\nTo: \x1b[2J@x\nSubject: =?utf-8?q?a=0Ab=1B[2J?=\n\nHi\n")
    (box / "3.unknown").write_bytes(b"Content-Type: text/plain; charset=klingon\n\nnuqneH\n")
    (box / "4.parts").write_bytes(b"Content-Type: multipart/mixed; boundary=x\n\nno part at all\n")
    listed = call("mail", "list")
    assert (listed.exit_code, len(listed.output.splitlines())) == (0, 4)
    for number in range(1, 5):
        shown = call("mail", "show", str(number))
        assert (shown.exit_code, "\x1b" in listed.output + shown.output) == (0, False), shown.exception
    assert "nuqneH" in call("mail", "show", "3").output


def test_there_is_no_mailbox_where_mail_is_sent(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEPTET_MAIL_URL", "smtps://me:s3cr3t@mail.example.org")
    result = call("mail")
    assert (result.exit_code, "s3cr3t" in result.output) == (2, False)


def test_settings_show_values_and_no_secrets(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "septet.toml").write_text("port = 9000\n[identity]\naccess_minutes = 5\n")
    monkeypatch.setenv("SEPTET_DATABASE_URL", "postgresql://septet:s3cr3t@db/septet")
    monkeypatch.setenv("SEPTET_KEYS", "k1:s3cr3t")
    monkeypatch.setenv("SEPTET_LIMITS", "off")
    shown = call("settings").output
    assert "s3cr3t" not in shown
    assert "* SEPTET_PORT=9000   set in septet.toml, default 8000" in shown
    assert "* SEPTET_LIMITS=off   set in environment, default on" in shown
    assert "* SEPTET_DATABASE_URL=postgresql://septet:***@db/septet" in shown
    assert "  SEPTET_WORKERS=1\n      Processes that answer requests." in shown
    as_json = call("settings", "--json").output
    assert "s3cr3t" not in as_json
    found = {one["variable"]: one for one in msgspec.json.decode(as_json)}
    assert found["SEPTET_IDENTITY_ACCESS_MINUTES"]["value"] == 5
    assert found["SEPTET_IDENTITY_ACCESS_MINUTES"]["source"] == "septet.toml"
    assert found["SEPTET_KEYS"]["value"] == "***"


def test_another_file_can_be_named(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.toml").write_text("port = 9001\n")
    monkeypatch.setenv("SEPTET_CONFIG", str(tmp_path / "other.toml"))
    assert "SEPTET_PORT=9001" in call("settings").output


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:s3cr3t@db:5432/x", "postgresql://me:***@db:5432/x"),
        ("postgresql://me@db/x?password=s3cr3t", "postgresql://me@db/x?***"),
        ("smtp://me:s3cr/3t@mail.example.org", "smtp://***"),
        ("smtp://me:s3cr@3t@mail.example.org", "smtp://me:***@mail.example.org"),
        ("sqlite:///data/septet.db", "sqlite:///data/septet.db"),
        ("https://api.example.org", "https://api.example.org"),
        ("http://[broken", "***"),
    ],
)
def test_passwords_in_addresses_are_hidden(url: str, shown: str) -> None:
    assert without_password(url) == shown


@pytest.mark.parametrize(
    ("variable", "value", "shown"),
    [
        ("SEPTET_KEYS", "k1:abc", "***"),
        ("SEPTET_KEYS", "", ""),
        ("SEPTET_IDENTITY_OIDC_CLIENT_SECRET", "abc", "***"),
        ("SEPTET_IDENTITY_PASSWORD_MIN", 15, 15),
        ("SEPTET_OTLP_HEADERS", ("authorization=Bearer abc",), ["***"]),
        ("SEPTET_MAX_HEADERS", 32_768, 32_768),
        ("SEPTET_X_PROVIDERS", [{"name": "a", "client_secret": "s3cr3t"}], [{"name": "a", "client_secret": "***"}]),
        ("SEPTET_X_PROVIDERS", (Provider("a", "s3cr3t"),), [{"name": "a", "client_secret": "***"}]),
        ("SEPTET_X_PROVIDERS", {"a": {"url": "https://me:s3cr3t@b"}}, {"a": {"url": "https://me:***@b"}}),
        ("SEPTET_CORS_ORIGINS", ("https://me:s3cr3t@a.example",), ["https://me:***@a.example"]),
    ],
)
def test_secrets_are_known_by_their_names(variable: str, value: object, shown: object) -> None:
    assert masked(variable, value) == shown
