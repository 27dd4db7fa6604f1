"""Rules on a system's source: whom its modules import, how large they are, and that each says what it is for."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from septet.architecture.source import Import, functions, imports_of, modules_of
from septet.core.system import System

LONGEST_FILE, LONGEST_FUNCTION = 400, 40
_OPEN_TO_ALL = ("septet.core", "septet.settings")  # what a system may use of Septet


def package_of(system: System) -> str:
    """The package that a system lives in: the nearest that holds all of its modules."""
    if not system.modules:
        raise TypeError(f"the card of {system.name} names no modules")
    packages = {module.__name__.rpartition(".")[0] for module in system.modules}
    nearest = min(packages, key=len)
    if not nearest or not all(_is_in(package, nearest) for package in packages):
        raise TypeError(f"the modules of the system {system.name} are not in one package")
    return nearest


def folder_of(package: str) -> Path:
    found = importlib.import_module(package).__file__
    assert found is not None
    return Path(found).parent


def faults_of_imports(system: System, systems: Iterable[System]) -> list[str]:
    """Imports that do not go down to the floor, or to the public file of a system that this one needs."""
    packages = {other.name: package_of(other) for other in systems if other.modules}
    own = packages[system.name]
    modules = modules_of(own, folder_of(own))
    known = set(modules).union(*(modules_of(package, folder_of(package)) for package in {*packages.values(), "septet"}))
    found = imports_of(modules, known)
    wrong = [
        f"{one.importer}, line {one.line}: {why}" for one in found if (why := _why_not(one, own, system, packages))
    ]
    circle = circle_in(found)
    return [*wrong, *([f"modules import each other: {' → '.join(circle)}"] if circle else [])]


def _why_not(one: Import, own: str, system: System, packages: Mapping[str, str]) -> str | None:
    if _is_in(one.imported, own) or any(_is_in(one.imported, package) for package in _OPEN_TO_ALL):
        return None
    other = next((name for name, package in packages.items() if _is_in(one.imported, package)), None)
    if other is None:
        inside = _is_in(one.imported, "septet")
        return f"a system uses septet.core and septet.settings, not {one.imported}" if inside else None
    if other not in system.needs:
        return f"it imports {one.imported}, and the card does not name {other} under `needs`"
    if one.imported != f"{packages[other]}.public":
        return f"it imports {one.imported}; what others may import of {other} is {packages[other]}.public"
    return None


def _is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def circle_in(imports: Iterable[Import]) -> list[str] | None:
    """Modules that import each other while being imported; None if none do."""
    graph: dict[str, set[str]] = {}
    for found in imports:
        if not found.lazily and found.imported != found.importer:
            graph.setdefault(found.importer, set()).add(found.imported)
    done: set[str] = set()

    def visit(module: str, above: list[str]) -> list[str] | None:
        if module in above:
            return [*above[above.index(module) :], module]
        if module in done:
            return None
        for imported in sorted(graph.get(module, ())):
            if found := visit(imported, [*above, module]):
                return found
        done.add(module)
        return None

    return next((circle for module in graph if (circle := visit(module, []))), None)


def faults_of_rooms(package: str, folder: Path) -> list[str]:
    """Files and functions that have outgrown their room, and modules that do not say what they are for."""
    return list(_faults_of_rooms(package, folder))


def _faults_of_rooms(package: str, folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.py")):
        where = f"{package.replace('.', '/')}/{path.relative_to(folder)}"
        text = path.read_bytes().decode(errors="replace")
        if (lines := len(text.splitlines())) > LONGEST_FILE:
            yield f"{where} has {lines} lines; more than {LONGEST_FILE} are to be split by noun"
        if path.parent.name == "migrations":
            continue
        yield from _faults_of_functions(where, path)
        if not text.lstrip().startswith('"""'):
            yield f"{where} does not say in its first lines what it is for"


def _faults_of_functions(where: str, path: Path) -> Iterator[str]:
    try:
        for name, length in functions(path):
            if length > LONGEST_FUNCTION:
                yield f"{where}: {name} has {length} lines; it may have {LONGEST_FUNCTION}"
    except SyntaxError as error:
        yield f"{where}, line {error.lineno}, is no Python: {error.msg}"
