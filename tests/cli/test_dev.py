"""`septet dev`: a change is served within seconds, a slip of the pen is forgiven, and nobody is left behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.processes import children_of, is_running
from support.server import PATIENCE, wait_until

OPERATION = '''
from septet.core.context import Context
from septet.core.operation import operation
from septet.core.types import Output

class Greeting(Output):
    """A greeting."""
    text: str

@operation.get("/v1/crm/greetings", public=True)
async def greet(ctx: Context) -> Greeting:
    """Say something."""
    return Greeting("WORD")
'''
CARD = """
from pathlib import Path
from septet.core.system import System
from crm import greetings
CRM = System(name="crm", summary="Sells.", modules=(greetings,), pages=Path(__file__).parent / "pages")
"""


class Development:
    """A running `septet dev`, with a system `crm` of the test's own, found by entry point."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = folder / "site" / "crm"
        (self.package / "pages").mkdir(parents=True)
        (self.package / "__init__.py").touch()
        (self.package / "system.py").write_text(CARD)
        (self.package / "pages" / "page.js").write_text("first()")
        self.say("hello")
        metadata = folder / "site" / "crm-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: crm\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text("[septet.systems]\ncrm = crm.system:CRM\n")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SEPTET_")}
        environment |= {"PYTHONPATH": str(folder / "site"), "SEPTET_PORT": "0", "SEPTET_LOG_FORMAT": "text"}
        with (folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from septet.cli.main import main; main()", "dev"],
                cwd=folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return (self.folder / "output").read_text()

    @property
    def address(self) -> str:
        wait_until(lambda: "answers at" in self.said or self.process.poll() is not None)
        found = re.search(r"answers at (http://\S+)", self.said)
        assert found, self.said
        return found[1]

    def say(self, word: str) -> None:
        (self.package / "greetings.py").write_text(OPERATION.replace("WORD", word))

    def greeting(self) -> str:
        return str(httpx.get(f"{self.address}/v1/crm/greetings", timeout=PATIENCE).json().get("text"))

    def servers(self) -> list[int]:
        return children_of(self.process.pid)


@pytest.fixture
def development(tmp_path: Path) -> Iterator[Development]:
    running = Development(tmp_path)
    try:
        yield running
    finally:
        for pid in [*running.servers(), running.process.pid] if running.process.poll() is None else []:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        running.process.wait(PATIENCE)


def test_changes_are_served_and_mistakes_forgiven(development: Development) -> None:
    assert development.greeting() == "hello"
    wait_until(lambda: "watching" in development.said)

    development.say("howdy")  # as long as before, and within the same second
    wait_until(lambda: "answers again" in development.said)
    assert development.greeting() == "howdy"

    (development.package / "pages" / "page.js").write_text("second()")
    wait_until(lambda: "page.js" in development.said and development.said.count("answers again") == 2)

    (development.package / "greetings.py").write_text("def broken(:\n")
    wait_until(lambda: "the server ended (1)" in development.said)
    assert "SyntaxError" in development.said
    development.say("mended")
    wait_until(lambda: development.said.count("answers again") == 3)
    assert development.greeting() == "mended"

    (development.folder / "septet.toml").write_text('public_url = "https://example.org"\n')
    wait_until(lambda: "answers again at https://example.org" in development.said)

    (server,) = development.servers()
    os.killpg(development.process.pid, signal.SIGINT)  # as Ctrl-C in a terminal does
    assert development.process.wait(PATIENCE) == 0
    wait_until(lambda: not is_running(server))
    assert development.said.count("Traceback") == 1  # of the broken file


def test_a_killed_parent_leaves_no_orphan(development: Development) -> None:
    assert development.greeting() == "hello"
    (server,) = development.servers()
    development.process.kill()
    development.process.wait()
    wait_until(lambda: not is_running(server))


def test_a_request_that_comes_while_it_starts_again_waits(development: Development) -> None:
    assert development.greeting() == "hello"
    wait_until(lambda: "watching" in development.said)
    (before,) = development.servers()
    development.say("hallo")
    wait_until(lambda: development.servers() not in ([before], []))
    assert development.greeting() == "hallo"  # asked long before it answers


def test_a_wrong_setting_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "septet.toml").write_text("prot = 1\n")
    ran = subprocess.run(
        [sys.executable, "-c", "from septet.cli.main import main; main()", "dev"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (ran.returncode, ran.stderr) == (2, "septet: prot in septet.toml: there is no such setting\n")
