"""A system that `septet new-system` lays out, findable as an installed one is, by the entry point of a distribution."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from septet.scaffold.layout import lay_out


def installed_system(folder: Path, name: str, noun: str) -> Path:
    """The package's folder; beside its source is the metadata that `pip install -e` would make."""
    place = folder / name
    lay_out(name, noun, place)
    card = tomllib.loads((place / "pyproject.toml").read_text())["project"]["entry-points"]["septet.systems"][name]
    metadata = place / "src" / f"{name}-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text(f"[septet.systems]\n{name} = {card}\n")
    return place


def run_septet(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`septet` beside the system in `place`."""
    return run_python(place, "-c", "from septet.cli.main import main; main()", *words)


def run_python(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEPTET_")}
    return subprocess.run(
        [sys.executable, *words],
        cwd=place,
        env={**environment, "PYTHONPATH": str(place / "src")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
