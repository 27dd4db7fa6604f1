"""Mails: as text and as HTML that says the same, in their reader's language, as the operator wants them."""

from __future__ import annotations

import re
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path

import pytest

from septet.app import Septet
from septet.engines.mail.mailbox import LocalMailbox
from septet.identity.mails import TEMPLATES
from septet.identity.tasks import Notice
from septet.identity.types import AddressOnly, EmailChange, MeChanges, PasswordChange
from septet.settings import WrongSettingError
from support.people import ADA, OTHER_PASSWORD, PASSWORD, begin_registration, call, front_door, register


class _Words(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self._skipped = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._skipped = tag == "title"
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        self._skipped = False

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.words += data.split()


async def _letters(septet: Septet) -> list[EmailMessage]:
    await septet.worker.run_due()
    assert isinstance(septet.runtime.mail, LocalMailbox)
    return list(septet.runtime.mail.letters())


def _parts(letter: EmailMessage) -> tuple[str, str]:
    text, html = letter.get_body(("plain",)), letter.get_body(("html",))
    assert text is not None
    assert html is not None
    return str(text.get_content()).replace("\r\n", "\n"), str(html.get_content())


async def test_both_forms_say_the_same(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        await begin_registration(septet, ADA)
        (letter,) = await _letters(septet)
        text, html = _parts(letter)
        read = _Words(html)
        assert read.words[: len(str(letter["Subject"]).split())] == str(letter["Subject"]).split()
        assert read.words[len(str(letter["Subject"]).split()) : -1] == text.split()
        (link,) = read.links
        assert f"\n    {link}\n" in text
        assert re.search(r"\n    \d{8}\n", text)
        assert max(len(line) for line in text.splitlines() if "://" not in line) <= 76


async def test_a_mail_speaks_its_readers_language(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        await begin_registration(septet, ADA, locale="de-AT")
        (letter,) = await _letters(septet)
        text, html = _parts(letter)
        assert letter["Subject"] == "Ihr Code"
        assert "höchstwahrscheinlich Sie selbst" in " ".join(text.split())
        assert '<html lang="de">' in html


async def test_notices_follow_the_language_of_the_account(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        ada = await register(septet, ADA, locale="fr")
        change = EmailChange(email="ada@lovelace.example", current_password=PASSWORD)
        await call(septet, "request_email_change", ada.access_token, body=change)
        subjects = [str(letter["Subject"]) for letter in await _letters(septet)]
        assert sorted(subjects) == ["The e-mail address of your account is about to change", "Your code", "Your code"]
        await call(septet, "change_me", ada.access_token, body=MeChanges(locale="de"))
        body = PasswordChange(current_password=PASSWORD, new_password=OTHER_PASSWORD)
        await call(septet, "change_password", ada.access_token, body=body)
        await call(septet, "request_password_reset", body=AddressOnly(email=ADA))
        await call(
            septet, "request_email_change", ada.access_token, body=change.__class__(change.email, OTHER_PASSWORD)
        )
        subjects = [str(letter["Subject"]) for letter in await _letters(septet)]
        assert sorted(subjects[3:]) == [
            "Die E-Mail-Adresse Ihres Kontos soll geändert werden",
            "Ihr Code",
            "Ihr Code für ein neues Passwort",
            "Ihr Passwort wurde geändert",
        ]


def test_every_notice_has_its_template() -> None:
    assert {notice.value for notice in Notice} <= {path.stem for path in TEMPLATES.glob("*.txt")}


async def test_the_operators_templates_take_the_place_of_ours(tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    folder.mkdir()
    (folder / "registration.txt").write_text("Subject: Welcome to {{ place }}\n\nYour <code>:\n\n    {{ code }}\n")
    (folder / "password_reset.html").write_text("<p>{{ blocks[1].text }}</p>")
    async with front_door("", tmp_path, mail_templates=str(folder)) as septet:
        await begin_registration(septet, ADA)
        (letter,) = await _letters(septet)
        text, html = _parts(letter)
        assert letter["Subject"] == "Welcome to 127.0.0.1:8000"
        assert re.fullmatch(r"Your <code>:\n\n    \d{8}\n", text)
        assert "Your &lt;code&gt;:" in html
    async with front_door("", tmp_path, mail_templates=str(folder)) as septet:
        await register(septet, ADA)
        await call(septet, "request_password_reset", body=AddressOnly(email=ADA))
        _, html = _parts((await _letters(septet))[-1])
        assert html.startswith("<p>To choose one")


WRONG = {
    "welcome.txt": ("Subject: x\n\ny", "no mail is called welcome.txt"),
    "registration.txt": ("Subject: {{ name }}\n\ny", "registration: 'name' is undefined"),
    "sign_in.txt": ("Subject: {% if %}\n\ny", "sign_in: Expected an expression"),
    "layout.html": ("{{ bloks }}", "'bloks' is undefined"),
}


@pytest.mark.parametrize("file", WRONG)
async def test_a_template_that_does_not_fit_is_told_at_start(tmp_path: Path, file: str) -> None:
    folder = tmp_path / "mails"
    folder.mkdir()
    (folder / file).write_text(WRONG[file][0])
    with pytest.raises(WrongSettingError, match=re.escape(WRONG[file][1])):
        async with front_door("", tmp_path, mail_templates=str(folder)):
            pass


async def test_a_folder_that_is_not_there_is_told_at_start(tmp_path: Path) -> None:
    with pytest.raises(WrongSettingError, match="there is no folder"):
        async with front_door("", tmp_path, mail_templates=str(tmp_path / "none")):
            pass
