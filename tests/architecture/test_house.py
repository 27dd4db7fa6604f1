"""The rules of the house, and the map of it that ARCHITECTURE.md shows."""

from __future__ import annotations

from pathlib import Path

import house
from sqlalchemy import MetaData

from septet.architecture.declarations import faults_of_declarations, keys_without_index
from septet.architecture.rooms import circle_in, faults_of_imports, faults_of_rooms
from septet.core.floor import FLOOR
from septet.core.registry import Registry
from septet.core.system import System
from septet.systems import BUILT_IN, load_cards
from support.drawn import assert_drawn

ARCHITECTURE = Path(__file__).parents[2] / "ARCHITECTURE.md"
BEGIN, END = "<!-- the map: drawn by tests/architecture/test_house.py -->", "<!-- end of the map -->"

# What each floor may stand on. A system's own modules are always open to it.
ALLOWED = {
    "cli": {
        "cli",
        "app",
        "architecture",
        "doors",
        "systems",
        "engines",
        "core",
        "settings",
        "logs",
        "scaffold",
        "system",
        "septet",
    },
    "app": {"doors", "systems", "engines", "core", "settings", "logs", "septet"},
    "doors": {"doors", "core", "settings", "septet"},
    "systems": {"core", "settings"},
    "engines": {"engines", "core", "settings", "septet"},
    "system": {"core", "settings"},
    "logs": {"core", "settings"},
    "architecture": {"doors", "systems", "engines", "core", "settings"},
    "scaffold": {"systems", "core", "settings", "septet"},
    "testing": {"app", "architecture", "systems", "engines", "core", "settings"},
    "core": {"core", "settings"},
    "settings": set(),
    "septet": set(),
    "__main__": {"cli"},
}


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
    cards = load_cards(list(BUILT_IN))
    assert [fault for card in cards for fault in faults_of_imports(card, cards)] == []


def test_no_two_modules_import_each_other_at_import_time() -> None:
    assert circle_in(house.imports()) is None


def test_rooms_stay_small_and_say_what_they_are_for() -> None:
    assert faults_of_rooms("septet", house.PACKAGE) == []


def test_what_systems_declare_is_documented_and_named_as_their_own() -> None:
    cards = load_cards(list(BUILT_IN))
    registry = Registry([FLOOR, *cards])
    assert [fault for card in cards for fault in faults_of_declarations(card, registry)] == []
    assert keys_without_index(FLOOR.tables or MetaData()) == []


def test_the_map_in_architecture_md_is_today_s() -> None:
    before, _, rest = ARCHITECTURE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    assert_drawn(ARCHITECTURE, f"{before}{BEGIN}\n{draw()}{END}{after}")


def draw() -> str:
    """The floors and systems with their imports as arrows, and each system's card in words."""
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
