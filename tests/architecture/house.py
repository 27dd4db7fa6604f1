"""Reads the house from its source: which module imports which, and how large its rooms are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
PACKAGE = SOURCE / "septet"
FLOORS = ("cli", "app", "doors", "systems", "engines", "core", "settings")


@dataclass(frozen=True)
class Import:
    """`importer` imports `imported`, both dotted; `lazily` when inside a function or for types only."""

    importer: str
    imported: str
    line: int
    lazily: bool


def modules() -> dict[str, Path]:
    """Every module of Septet by its dotted name."""
    return {_dotted(path): path for path in sorted(PACKAGE.rglob("*.py")) if "migrations" not in path.parts[-2:-1]}


def imports() -> list[Import]:
    known = modules()
    return [found for name, path in known.items() for found in _imports_of(name, path, known)]


def systems() -> list[str]:
    """The packages that hold a card."""
    return [path.parent.name for path in sorted(PACKAGE.glob("*/system.py")) if path.parent.name != "core"]


def floor_of(module: str) -> str:
    """The floor that a module stands on, or `system:NAME`."""
    parts = module.split(".")
    first = parts[1] if len(parts) > 1 else "septet"
    return f"system:{first}" if first in systems() else first


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function's name and its lines, without the docstring."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                lines -= (first.end_lineno or first.lineno) - first.lineno + 1
            yield node.name, lines


def _dotted(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports_of(name: str, path: Path, known: dict[str, Path]) -> Iterator[Import]:
    tree = ast.parse(path.read_text())
    at_top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("septet"):
                    yield Import(name, alias.name, node.lineno, id(node) not in at_top)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("septet"):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield Import(name, inner if inner in known else str(node.module), node.lineno, id(node) not in at_top)
