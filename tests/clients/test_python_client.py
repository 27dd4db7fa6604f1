"""A Python client generated from /openapi.json passes mypy --strict, and walks through a person's first minutes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from septet.core.ids import new_id

PROGRAM = Path(__file__).parent / "python" / "program.py"
PROGRAMS = Path(sys.executable).parent


def run(*command: str | Path, folder: Path) -> str:
    """What it prints, with the client in `folder` on its path, and the programs of this environment."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"}
    environment["MYPYPATH"] = str(folder)
    finished = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert finished.returncode == 0, f"{command[0]}:\n{finished.stdout[-8000:]}\n{finished.stderr[-8000:]}"
    return finished.stdout + finished.stderr


def generate(server: str, folder: Path) -> str:
    """Make `septet_client` in `folder`, and return what the generator had to say."""
    output = ["--meta", "none", "--output-path", folder / "septet_client"]
    return run(
        PROGRAMS / "openapi-python-client", "generate", "--url", f"{server}/openapi.json", *output, folder=folder
    )


def test_the_generator_leaves_nothing_out(server: str, tmp_path: Path) -> None:
    assert "Warning" not in generate(server, tmp_path)


def test_a_generated_client_registers_signs_in_pages_and_handles_problems(server: str, tmp_path: Path) -> None:
    generate(server, tmp_path)
    options = ["--strict", "--follow-imports=silent", "--cache-dir", tmp_path / "mypy"]
    run(PROGRAMS / "mypy", *options, PROGRAM, folder=tmp_path)
    assert run(sys.executable, PROGRAM, server, f"ada-{new_id()}@example.com", folder=tmp_path) == "done\n"
