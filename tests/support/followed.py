"""Follows a page of the documentation to the letter: runs its commands, makes its files, compares its outputs.

What a fenced block is for is told by its language and by the paragraph before it:

    sh                  is typed into a terminal; one that ends in `septet serve` into a second one, which goes on
    text, json          what the block before it prints; `…` stands for anything in a line, a line of it for any lines
    diff                changes the file that the paragraph names in backquotes
    anything else       is the file that the paragraph names, or the end of it where the paragraph says "at the end of"
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx

from support.server import wait_until

SERVE = "septet serve"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"`([\w./-]+\.\w+)`")
_DONE = "--- done ---"


class Block(NamedTuple):
    """A fenced block: its language, its text, and the paragraph before it."""

    language: str
    text: str
    before: str


def blocks_of(page: str) -> list[Block]:
    found = []
    for match in _BLOCK.finditer(page):
        paragraphs = page[: match.start()].rstrip().split("\n\n")
        found.append(Block(match[1], match[2], " ".join(paragraphs[-1].split())))
    return found


class Reader:
    """Somebody at two terminals, who does what a page says. `port` is where the server answers instead of at 8000."""

    def __init__(self, folder: Path, environment: Mapping[str, str], port: int) -> None:
        self._folder = folder
        self._environment = environment
        self._port = port
        self._terminal = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=dict(environment),
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._server: subprocess.Popen[bytes] | None = None
        self.run("set -eo pipefail")

    def follow(self, page: str) -> None:
        printed = ""
        for block in blocks_of(page):
            text = block.text.replace("127.0.0.1:8000", f"127.0.0.1:{self._port}")
            if block.language == "sh" and text.rstrip().endswith(SERVE):
                self._serve(text)
            elif block.language == "sh":
                printed = self.run(text)
            elif block.language in ("text", "json"):
                assert as_pattern(text).fullmatch(f"{printed.strip()}\n"), (
                    f"this was to be printed:\n{text}\nit was:\n{printed}"
                )
            else:
                self._write(block._replace(text=text))

    def run(self, commands: str) -> str:
        """What they print."""
        assert self._terminal.stdin is not None
        assert self._terminal.stdout is not None
        self._terminal.stdin.write(f"{commands}\necho '{_DONE}'\n")
        self._terminal.stdin.flush()
        lines: list[str] = []
        for line in self._terminal.stdout:
            if line == f"{_DONE}\n":
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"this failed:\n{commands}\n{''.join(lines)}\n{self._said()}")

    def close(self) -> None:
        self._stop_server()
        self._terminal.kill()
        self._terminal.communicate()

    def _serve(self, commands: str) -> None:
        """As in another terminal: what served before is stopped by Ctrl-C."""
        self._stop_server()
        with (self._folder / "serve.log").open("ab") as log:
            self._server = subprocess.Popen(
                ["bash", "-ec", commands],
                cwd=self.run("pwd").strip(),
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers)
        assert self._server.poll() is None, self._said()

    def _answers(self) -> bool:
        assert self._server is not None
        try:
            return httpx.get(f"http://127.0.0.1:{self._port}/health/ready").status_code == 200
        except httpx.TransportError:
            return self._server.poll() is not None

    def _stop_server(self) -> None:
        if self._server is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGINT)
            self._server.wait(15)

    def _said(self) -> str:
        log = self._folder / "serve.log"
        return f"The server said:\n{log.read_text()}" if log.exists() else ""

    def _write(self, block: Block) -> None:
        named = _FILE.findall(block.before)
        assert len(named) == 1, f"which file is this for? {block.before}"
        path = Path(self.run("pwd").strip()) / named[0]
        if block.language == "diff":
            path.write_text(changed(path.read_text(), block.text))
        elif "at the end of" in block.before.lower():
            path.write_text(f"{path.read_text().rstrip()}\n\n\n{block.text}")
        else:
            assert not path.exists(), f"{path} is there already"
            path.write_text(block.text)


@contextmanager
def reading(folder: Path, environment: Mapping[str, str], port: int) -> Iterator[Reader]:
    """A reader who begins in `folder`, and leaves nothing running."""
    reader = Reader(folder, environment, port)
    try:
        yield reader
    finally:
        reader.close()


def changed(text: str, diff: str) -> str:
    """The text after the diff, whose parts are divided by lines of `…` and are each found once."""
    for part in re.split(r"^…\n", diff, flags=re.MULTILINE):
        lines = part.splitlines()
        old = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
        new = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
        assert text.count(old) == 1, f"this is {text.count(old)} times in the file:\n{old}"
        text = text.replace(old, new)
    return text


def as_pattern(expected: str) -> re.Pattern[str]:
    """What is printed where a page shows `expected`."""
    lines = []
    for line in expected.strip().splitlines():
        lines.append(r"(?:.*\n)*?" if line.strip() == "…" else re.escape(line).replace("…", ".*?") + r"\n")
    return re.compile("".join(lines))
