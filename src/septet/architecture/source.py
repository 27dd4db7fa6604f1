"""Reads a package from its source: which module imports which, and how large its rooms are."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from msgspec import Struct


class Import(Struct, frozen=True):
    """`importer` imports `imported`, both dotted; `lazily` when inside a function or for types only."""

    importer: str
    imported: str
    line: int
    lazily: bool


def modules_of(package: str, folder: Path) -> dict[str, Path]:
    """Every module of the package by its dotted name, but for its revisions."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        if path.parent.name != "migrations":
            parts = [package, *path.relative_to(folder).with_suffix("").parts]
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(modules: Mapping[str, Path], known: Collection[str]) -> list[Import]:
    """What `modules` import of the top-level packages that `known` modules are of; `known` tells modules from names."""
    tops = {name.partition(".")[0] for name in known}
    return [found for name, path in modules.items() for found in _imports_in(name, path, known, tops)]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function's name and its lines, without the docstring. Raises SyntaxError."""
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                lines -= (first.end_lineno or first.lineno) - first.lineno + 1
            yield node.name, lines


def _imports_in(name: str, path: Path, known: Collection[str], tops: set[str]) -> Iterator[Import]:
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except SyntaxError:  # told where the rooms are looked at
        return
    at_top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node, name, path)
            inner = [f"{module}.{alias.name}" for alias in node.names]
            targets = [each if each in known else module for each in inner]
        else:
            continue
        for target in targets:
            if target.partition(".")[0] in tops:
                yield Import(name, target, node.lineno, id(node) not in at_top)


def _absolute(node: ast.ImportFrom, importer: str, path: Path) -> str:
    """The module that names are imported from; `from . import queries` is meant from the importer's package."""
    if not node.level:
        return node.module or ""
    parts = importer.split(".")
    package = parts if path.name == "__init__.py" else parts[:-1]
    above = package[: len(package) - node.level + 1]
    return ".".join([*above, node.module] if node.module else above)
