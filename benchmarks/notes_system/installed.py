"""Makes the notes, or another of these systems, findable as an installed one: by the entry point of a distribution."""

from __future__ import annotations

import os
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent.parent


def installed_in(folder: Path, name: str, card: str) -> str:
    """The PYTHONPATH with which `septet` finds a system; `folder` gets the metadata of its distribution."""
    metadata = folder / f"septet_benchmark_{name}-1.0.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: septet-benchmark-{name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[septet.systems]\n{name} = {card}\n")
    return os.pathsep.join([str(folder), str(_ROOT)])
