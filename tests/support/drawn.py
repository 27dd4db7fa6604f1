"""Documents that are drawn from the source: compared in every run, and written anew with SEPTET_DRAW=1."""

from __future__ import annotations

import os
from pathlib import Path

DRAWS = bool(os.environ.get("SEPTET_DRAW"))  # as it was before the tests, which take settings out of the environment


def assert_drawn(path: Path, text: str) -> None:
    """Fail unless `path` holds `text`."""
    if DRAWS:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = path.read_text() if path.exists() else ""
    assert found == text, f"{path.name} is out of date: run SEPTET_DRAW=1 make check, and commit it"
