"""The guide to a system of one's own works as written, from an empty folder, with nothing fetched from elsewhere.

What pip would fetch is there already: the packages of this environment, but for Septet, which the reader installs.
"""

from __future__ import annotations

import os
import socket
import sys
import sysconfig
from pathlib import Path

import pytest

from support.followed import reading

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "guide" / "your-own-system.md"
_READERS_OWN = ("septet", "pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence")


@pytest.mark.timeout(150)
def test_it_works_as_written(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "septet").symlink_to(ROOT)
    with reading(home, environment(tmp_path, port := free_port()), port) as reader:
        reader.follow(GUIDE.read_text())


def environment(folder: Path, port: int) -> dict[str, str]:
    """That of somebody who has Python and curl, and pip that looks nowhere."""
    programs = folder / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(getattr(sys, "_base_executable"))
    return {
        "HOME": str(folder),
        "PATH": os.pathsep.join([str(programs), "/usr/local/bin", "/usr/bin", "/bin"]),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(packages(folder)),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # which means: no isolation
        "SEPTET_PORT": str(port),
        "SEPTET_IDENTITY_ARGON2_MEMORY": "64",
        "SEPTET_IDENTITY_ARGON2_TIME": "1",
    }


def packages(folder: Path) -> Path:
    """A folder with every package of this environment but those that the reader's own environment has."""
    found = folder / "packages"
    found.mkdir()
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for path in Path(place).iterdir():
            if not path.name.startswith(_READERS_OWN) and path.suffix != ".pth" and path.name != "__pycache__":
                (found / path.name).symlink_to(path)
    return found


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
