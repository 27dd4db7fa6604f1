"""Makes the notes findable as any installed system is: by the entry point of a distribution on the path."""

from __future__ import annotations

import os
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent.parent


def installed_in(folder: Path) -> str:
    """The PYTHONPATH with which `septet` finds the notes; `folder` gets the metadata of their distribution."""
    metadata = folder / "septet_benchmark_notes-1.0.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: septet-benchmark-notes\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[septet.systems]\nnotes = benchmarks.notes_system.system:NOTES\n")
    return os.pathsep.join([str(folder), str(_ROOT)])
