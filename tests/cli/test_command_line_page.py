"""docs/command-line.md: every example is typed as it stands, beside a running server, and says what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from septet.engines.mail import MAILBOX
from septet.engines.mail.mailbox import LocalMailbox
from support.people import PASSWORD
from support.server import serving, wait_until

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
EXIT = re.compile(r"\[exit code (\d)\]")


def examples() -> Iterator[tuple[str, str, int]]:
    """Each command of the page, what it says, and its exit code."""
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, said = part.partition("\n")
            code = EXIT.search(said)
            yield command, EXIT.sub("", said).strip(), int(code[1]) if code else 0


def as_pattern(said: str) -> str:
    """`…` stands for anything."""
    return ".*".join(map(re.escape, said.split("…")))


def test_the_examples_say_what_the_page_says(tmp_path: Path) -> None:
    command = tmp_path / "bin" / "septet"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m septet "$@"\n')
    command.chmod(0o755)
    (tmp_path / "password.txt").write_text(f"{PASSWORD}\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEPTET_")}
    environment["PATH"] = f"{command.parent}:{environment['PATH']}"
    found = list(examples())
    assert len(found) > 15
    with serving(tmp_path) as server:
        for words, said, code in found:
            done = subprocess.run(
                ["bash", "-c", words],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            told = (done.stderr + done.stdout).replace("python -m septet", "septet").strip()
            assert re.fullmatch(as_pattern(said), told, re.DOTALL), f"$ {words}\n{told}"
            assert done.returncode == code, words
        # What a call stored for later, the running server does: the mail of the registration.
        wait_until(lambda: any(LocalMailbox(tmp_path / "data" / MAILBOX, "septet@example.org").letters()))
        assert server.get("/health/ready").status_code == 200
