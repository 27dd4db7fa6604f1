"""The local mailbox."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from septet.core.errors import Unavailable
from septet.core.mail import Message
from septet.engines.mail import open_mail
from septet.engines.mail.letter import text_of
from septet.engines.mail.mailbox import LocalMailbox
from septet.settings import LogFormat, Settings

SENDER = "Septet <septet@example.org>"


def box_in(folder: Path, *, announce: bool = False) -> LocalMailbox:
    return LocalMailbox(folder / "mailbox", SENDER, announce=announce)


async def test_letters_are_kept_in_the_order_they_came(tmp_path: Path) -> None:
    box = box_in(tmp_path)
    for number in range(12):
        await box.send(Message("ana@example.org", f"Letter {number}", f"Grüße {number}\n"))
    letters = list(box.letters())
    assert [letter["Subject"] for letter in letters] == [f"Letter {number}" for number in range(12)]
    assert [text_of(letter) for letter in letters] == [f"Grüße {number}\n" for number in range(12)]
    assert box.clear() == 12
    assert list(box.letters()) == []


async def test_letters_sent_at_once_are_all_kept(tmp_path: Path) -> None:
    box = box_in(tmp_path)
    await asyncio.gather(*(box.send(Message("ana@example.org", str(n), "Hi")) for n in range(20)))
    assert {letter["Subject"] for letter in box.letters()} == {str(n) for n in range(20)}


async def test_nobody_else_may_look_into_it(tmp_path: Path) -> None:
    box = box_in(tmp_path)
    await box.send(Message("ana@example.org", "Your code", "12345678"))
    folders = [tmp_path / "mailbox", *(tmp_path / "mailbox").iterdir()]
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}


async def test_who_develops_reads_links_and_codes_on_the_console(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "Hello Ana, it is 12345678, or\n\nhttp://127.0.0.1:8000/confirm?t=x\n"
    await box_in(tmp_path, announce=True).send(Message("ana@example.org", "Your \x1b[2Jcode", text))
    await box_in(tmp_path).send(Message("bo@example.org", "Quiet", text))
    said = capsys.readouterr().out
    assert said == "Mail to ana@example.org: Your ?[2Jcode — 12345678 · http://127.0.0.1:8000/confirm?t=x\n"


async def test_a_folder_that_cannot_be_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "mailbox").write_text("a file")
    box = box_in(tmp_path)
    with pytest.raises(Unavailable):
        await box.send(Message("ana@example.org", "Hi", "Hi"))
    with pytest.raises(Unavailable):
        await box.check()


async def test_the_settings_choose_the_engine(tmp_path: Path) -> None:
    local = open_mail(Settings(data_dir=tmp_path, log_format=LogFormat.JSON))
    await local.send(Message("ana@example.org", "Hi", "Hi"))
    assert len(list((tmp_path / "mailbox" / "new").iterdir())) == 1
    assert type(open_mail(Settings(mail_url="smtps://mail.example.org"))).__name__ == "SmtpMail"
