"""Septet's own floors, read from its source."""

from __future__ import annotations

from pathlib import Path

from septet.architecture.source import Import, imports_of, modules_of

SOURCE = Path(__file__).parents[2] / "src"
PACKAGE = SOURCE / "septet"


def modules() -> dict[str, Path]:
    """Every module of Septet by its dotted name."""
    return modules_of("septet", PACKAGE)


def imports() -> list[Import]:
    known = modules()
    return imports_of(known, known)


def systems() -> list[str]:
    """The packages that hold a card."""
    return [path.parent.name for path in sorted(PACKAGE.glob("*/system.py")) if path.parent.name != "core"]


def floor_of(module: str) -> str:
    """The floor that a module stands on, or `system:NAME`."""
    parts = module.split(".")
    first = parts[1] if len(parts) > 1 else "septet"
    return f"system:{first}" if first in systems() else first
