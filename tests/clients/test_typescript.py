"""A TypeScript client generated from /openapi.json compiles under --strict, and walks through a person's first minutes.

The tools come from npm, once, into build/; what is generated and compiled is made anew each time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from septet.core.ids import new_id

HERE = Path(__file__).parent / "typescript"
BUILD = Path(__file__).parents[2] / "build"


def run(*command: str | Path, cwd: Path) -> str:
    finished = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=110, check=False
    )
    assert finished.returncode == 0, f"{command[0]}:\n{finished.stdout[-8000:]}\n{finished.stderr[-8000:]}"
    return finished.stdout


def tools() -> Path:
    """The folder of the npm packages, installed if they are not there yet; its name changes with what they are."""
    wanted = (HERE / "package.json").read_bytes()
    folder = BUILD / f"typescript-{hashlib.sha256(wanted).hexdigest()[:12]}"
    if not folder.exists():
        unfinished = BUILD / f"typescript-{new_id()}"
        unfinished.mkdir(parents=True)
        (unfinished / "package.json").write_bytes(wanted)
        run("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", cwd=unfinished)
        try:
            unfinished.rename(folder)
        except OSError:  # another test process was quicker
            shutil.rmtree(unfinished)
    return folder


def test_a_generated_client_registers_signs_in_and_handles_problems(server: str, tmp_path: Path) -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("NODE AND NPM ARE NOT INSTALLED: THE TYPESCRIPT CLIENT WAS NOT TESTED")
    installed = tools()
    os.symlink(installed / "node_modules", tmp_path / "node_modules")
    for name in ("package.json", "tsconfig.json", "program.ts"):
        shutil.copy(HERE / name, tmp_path / name)
    programs = tmp_path / "node_modules" / ".bin"
    run(programs / "openapi-typescript", f"{server}/openapi.json", "--output", "schema.ts", cwd=tmp_path)
    run(programs / "tsc", "--project", ".", cwd=tmp_path)
    assert run("node", "compiled/program.js", server, f"ada-{new_id()}@example.com", cwd=tmp_path) == "done\n"
