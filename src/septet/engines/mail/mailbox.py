"""Mail that stays on this machine: a Maildir in the data folder, and a line on the console for who develops.

`septet mail` shows it, and so does any mail program that reads a Maildir.
"""

from __future__ import annotations

import asyncio
import email
import re
import sys
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import TYPE_CHECKING

from septet.core.errors import Unavailable
from septet.core.mail import Message
from septet.core.terminal import on_one_line
from septet.engines.mail.letter import compose, sender_of

if TYPE_CHECKING:
    from mailbox import Maildir

_TO_ACT_ON = re.compile(r"https?://\S+|\b\d{6,10}\b")  # links and codes
_DELIVERED = re.compile(r"(\d+)\.M(\d+)P")  # how Maildir names begin: seconds and microseconds


class LocalMailbox:
    def __init__(self, folder: Path, sender: str, *, announce: bool = False) -> None:
        self._folder = folder
        self._sender = sender_of(sender)
        self._announce = announce
        self._one_at_a_time = threading.Lock()

    async def send(self, message: Message) -> None:
        letter = compose(message, self._sender)
        try:
            await asyncio.to_thread(self._deliver, letter)
        except OSError as error:
            raise Unavailable(f"The mailbox cannot be written: {error.strerror or error}.") from error
        if self._announce:
            to_act_on = " · ".join(_TO_ACT_ON.findall(message.text))
            _say(f"Mail to {message.to}: {message.subject}{' — ' if to_act_on else ''}{to_act_on}")

    async def check(self) -> None:
        try:
            await asyncio.to_thread(self._open)
        except OSError as error:
            raise Unavailable(f"The mailbox cannot be opened: {error.strerror or error}.") from error

    def letters(self) -> Iterator[EmailMessage]:
        """All of them, the oldest first. Nothing is made where no letter has come yet."""
        if not self._folder.exists():
            return
        box = self._open()
        for key in sorted(box.keys(), key=_when):
            yield email.message_from_bytes(box.get_bytes(key), policy=SMTP)

    def clear(self) -> int:
        """Remove every letter; the number of them."""
        if not self._folder.exists():
            return 0
        box = self._open()
        keys = list(box.keys())
        for key in keys:
            box.discard(key)
        return len(keys)

    def _deliver(self, letter: EmailMessage) -> None:
        with self._one_at_a_time:  # Maildir counts its names without a lock of its own
            self._open().add(letter)

    def _open(self) -> Maildir:
        from mailbox import Maildir

        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # It makes its three rooms only along with their folder, and each is private.
        for room in ("tmp", "new", "cur"):
            (self._folder / room).mkdir(mode=0o700, exist_ok=True)
        return Maildir(self._folder)


def _when(key: str) -> tuple[int, int, str]:
    found = _DELIVERED.match(key)
    return (int(found[1]), int(found[2]), key) if found else (0, 0, key)


def _say(line: str) -> None:
    sys.stdout.write(on_one_line(line) + "\n")
    sys.stdout.flush()
