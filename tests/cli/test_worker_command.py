"""`septet worker` runs tasks without answering HTTP, and ends in order when it is asked to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "from septet.cli.main import main; main()", "worker"]


def environment(folder: Path, **settings: str) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("SEPTET_")}
    return {**others, "SEPTET_DATA_DIR": str(folder), **settings}


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_it_works_until_it_is_asked_to_end(tmp_path: Path, asked: signal.Signals) -> None:
    with subprocess.Popen(COMMAND, env=environment(tmp_path), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = next(line for line in process.stderr if line.startswith("Running "))
        assert said.startswith("Running 16 tasks at once, of core, ")
        process.send_signal(asked)
        *_, last = process.stderr
        assert process.wait(20) == 0
        assert last == "Stopping: what runs may end, what waits is given back.\n"


def test_it_needs_a_runner(tmp_path: Path) -> None:
    without = environment(tmp_path, SEPTET_TASK_RUNNERS="0")
    done = subprocess.run(COMMAND, env=without, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (2, "septet: SEPTET_TASK_RUNNERS is 0: a worker needs at least one\n")
