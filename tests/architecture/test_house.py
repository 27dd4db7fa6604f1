"""The rules of the house, and the map of it that ARCHITECTURE.md shows."""

from __future__ import annotations

from pathlib import Path

import house

from septet.core.system import System
from septet.systems import BUILT_IN, load_cards
from support.drawn import assert_drawn

ARCHITECTURE = Path(__file__).parents[2] / "ARCHITECTURE.md"
BEGIN, END = "<!-- the map: drawn by tests/architecture/test_house.py -->", "<!-- end of the map -->"

# What each floor may stand on. A system's own modules are always open to it.
ALLOWED = {
    "cli": {"cli", "app", "doors", "systems", "engines", "core", "settings", "logs", "system", "septet"},
    "app": {"doors", "systems", "engines", "core", "settings", "logs", "septet"},
    "doors": {"doors", "core", "settings", "septet"},
    "systems": {"core", "settings"},
    "engines": {"engines", "core", "settings"},
    "system": {"core", "settings"},
    "logs": {"settings"},
    "core": {"core", "settings"},
    "settings": set(),
    "septet": set(),
    "__main__": {"cli"},
}
LONGEST_FILE, LONGEST_FUNCTION = 400, 40


def kind(floor: str) -> str:
    return "system" if floor.startswith("system:") else floor


def test_imports_go_one_way() -> None:
    wrong = [
        f"{found.importer}:{found.line} imports {found.imported}"
        for found in house.imports()
        if not _may(found.importer, found.imported)
    ]
    assert wrong == []


def _may(importer: str, imported: str) -> bool:
    above, below = house.floor_of(importer), house.floor_of(imported)
    return above == below or kind(below) in ALLOWED[kind(above)]


def test_a_system_meets_another_only_through_its_public_file_and_only_if_it_needs_it() -> None:
    cards = {card.name: card for card in load_cards(list(BUILT_IN))}
    wrong = []
    for found in house.imports():
        above, below = house.floor_of(found.importer), house.floor_of(found.imported)
        if kind(above) != "system" or kind(below) != "system" or above == below:
            continue
        needed = below.removeprefix("system:") in cards[above.removeprefix("system:")].needs
        if not needed or not found.imported.endswith(".public"):
            wrong.append(f"{found.importer}:{found.line} imports {found.imported}")
    assert wrong == []


def test_no_two_modules_import_each_other_at_import_time() -> None:
    eager: dict[str, set[str]] = {}
    for found in house.imports():
        if not found.lazily and found.imported != found.importer:
            eager.setdefault(found.importer, set()).add(found.imported)
    assert _circle(eager) is None


def _circle(graph: dict[str, set[str]]) -> list[str] | None:
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

    for module in graph:
        if found := visit(module, []):
            return found
    return None


def test_rooms_stay_small() -> None:
    crowded = []
    for path in house.PACKAGE.rglob("*.py"):
        where = path.relative_to(house.SOURCE)
        if (lines := len(path.read_text().splitlines())) > LONGEST_FILE:
            crowded.append(f"{where}: {lines} lines")
        if path.parent.name != "migrations":
            crowded += [f"{where}: {name} has {n} lines" for name, n in house.functions(path) if n > LONGEST_FUNCTION]
    assert crowded == []


def test_every_room_says_what_it_is_for() -> None:
    silent = [name for name, path in house.modules().items() if not path.read_text().lstrip().startswith('"""')]
    assert silent == []


def test_the_map_in_architecture_md_is_today_s() -> None:
    before, _, rest = ARCHITECTURE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    assert_drawn(ARCHITECTURE, f"{before}{BEGIN}\n{draw()}{END}{after}")


def draw() -> str:
    """The floors and systems with their eager imports as arrows, and each system's card in words."""
    arrows = {
        (house.floor_of(found.importer), house.floor_of(found.imported))
        for found in house.imports()
        if not house.floor_of(found.importer).startswith("septet")
    }
    lines = ["```mermaid", "graph TD"]
    lines += [
        f"    {a.replace(':', '_')}[{a.removeprefix('system:')}] --> {b.replace(':', '_')}[{b.removeprefix('system:')}]"
        for a, b in sorted(arrows)
        if a != b and b != "septet" and b != "settings"
    ]
    lines += ["```", "", "| system | what it is for | needs | tables |", "|---|---|---|---|"]
    lines += [_row(card) for card in load_cards(list(BUILT_IN))]
    return "\n".join(lines) + "\n"


def _row(card: System) -> str:
    tables = ", ".join(f"`{name}`" for name in sorted(card.tables.tables)) if card.tables is not None else "–"
    return f"| {card.name} | {card.summary} | {', '.join(card.needs) or '–'} | {tables} |"
