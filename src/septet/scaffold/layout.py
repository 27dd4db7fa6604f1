"""Writes a new system's files from the templates: all of them, or none."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import jinja2

from septet.scaffold.words import words_for

TEMPLATES = Path(__file__).parent / "package"
_SUFFIX = ".jinja"


class FolderInUse(Exception):
    """Something is there already, and stays as it is."""


def lay_out(system: str, noun: str, folder: Path) -> list[Path]:
    """Make `folder` a package with the system in it, and return its files, relative to it.

    Raises FolderInUse if there is something in it, and OSError if it cannot be written. A failure leaves nothing.
    """
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderInUse(f"{folder} is there already, and not empty")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as aside:
        unfinished = Path(aside, folder.name)  # not `aside` itself, which nobody but its owner may enter
        _write_files(unfinished, words_for(system, noun))
        _format(unfinished)
        _move(unfinished, folder)
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def _move(unfinished: Path, folder: Path) -> None:
    if not folder.exists():
        unfinished.replace(folder)
        return
    for path in unfinished.iterdir():  # the empty folder stays itself: somebody's shell may be in it
        path.replace(folder / path.name)


def _write_files(folder: Path, words: dict[str, str]) -> None:
    # Other brackets than usual, so that templates of Python read as Python.
    environment = jinja2.Environment(  # noqa: S701 - these are source files, no HTML
        loader=jinja2.FileSystemLoader(TEMPLATES),
        variable_start_string="«",
        variable_end_string="»",
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    for template in environment.list_templates(extensions=[_SUFFIX.lstrip(".")]):
        path = folder / _place_of(template, words)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(environment.get_template(template).render(words), encoding="utf-8")


def _place_of(template: str, words: dict[str, str]) -> str:
    """`src/SYSTEM/NOUNS.py.jinja` becomes `src/library/books.py`; a name that begins with `dot-` is a hidden file."""
    named = template.removesuffix(_SUFFIX).replace("SYSTEM", words["system"]).replace("NOUNS", words["nouns"])
    return named.replace("dot-", ".")


def _format(folder: Path) -> None:
    """Lines break and imports sort differently with other names: ruff does both where it is installed."""
    ruff = [sys.executable, "-P", "-m", "ruff"]  # -P: not a ruff.py of the current folder
    for command in (["check", "--quiet", "--select", "I", "--fix"], ["format", "--quiet"]):
        subprocess.run([*ruff, *command, "--no-cache", str(folder)], check=False, capture_output=True)  # noqa: S603
