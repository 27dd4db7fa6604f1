"""Packages from npm for tests of clients: installed once, into build/, and run from a test's own folder."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from septet.core.ids import new_id

BUILD = Path(__file__).parents[2] / "build"
_INSTALL = ("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts")


def run(*command: str | Path, cwd: Path) -> str:
    """What it printed, for it must succeed."""
    finished = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=110, check=False
    )
    assert finished.returncode == 0, f"{command[0]}:\n{finished.stdout[-8000:]}\n{finished.stderr[-8000:]}"
    return finished.stdout


def skip_without_npm(what: str) -> None:
    """Skip the test, saying in capitals that `what` was not tested, where node and npm are not installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip(f"NODE AND NPM ARE NOT INSTALLED: {what}")


def copied_with_packages(source: Path, folder: Path) -> Path:
    """`folder` with all files of `source`, and beside them the packages that its package.json names."""
    (folder / "node_modules").symlink_to(_installed(source) / "node_modules")
    for file in source.iterdir():
        shutil.copy(file, folder / file.name)
    return folder


def _installed(source: Path) -> Path:
    """The folder of the packages, installed if they are not there yet; its name changes with what they are."""
    wanted = (source / "package.json").read_bytes()
    folder = BUILD / f"{source.name}-{hashlib.sha256(wanted).hexdigest()[:12]}"
    if not folder.exists():
        unfinished = BUILD / f"{source.name}-{new_id()}"
        unfinished.mkdir(parents=True)
        (unfinished / "package.json").write_bytes(wanted)
        run(*_INSTALL, cwd=unfinished)
        try:
            unfinished.rename(folder)
        except OSError:  # another test process was quicker
            shutil.rmtree(unfinished)
    return folder
