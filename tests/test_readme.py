"""The README's first calls work as written, in bash with curl, against `septet serve` on an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.followed import blocks_of
from support.server import serving

ROOT = Path(__file__).parents[1]


def test_the_first_calls_work_as_written(tmp_path: Path) -> None:
    command = tmp_path / ".venv" / "bin" / "septet"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m septet "$@"\n')
    command.chmod(0o755)
    with serving(tmp_path) as server:
        blocks = [block.text for block in blocks_of((ROOT / "README.md").read_text()) if block.language == "sh"]
        script = "\n".join(blocks).replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={name: value for name, value in os.environ.items() if not name.startswith("SEPTET_")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout
    assert '"email":"ann@example.com"' in told
    assert '"name":"Ann Lee"' in told
    last = told.splitlines()[-1]  # curl ends no line
    refused, by_graphql = last.index('"code":"unauthenticated"'), last.index('{"data":{"readMe":')
    assert refused < by_graphql
    assert last[by_graphql:].startswith(
        '{"data":{"readMe":{"email":"ann@example.com","name":"Ann Lee"},"listSessions":{'
    )
    assert '"name":"Ann Lee"' in last[last.rindex('{"id"') :]
