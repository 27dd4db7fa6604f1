"""The systems there are: those built in, and others that an installed package offers by entry point.

A package offers one under the group `septet.systems`, naming its card: `crm = "acme_crm.system:CRM"`.
Cards are imported only when they are asked for, so that the command line knows the systems without loading any.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from msgspec import Struct

from septet.settings import Settings, WrongSettingError

if TYPE_CHECKING:
    from septet.core.system import System

BUILT_IN = {"identity": "septet.identity.system:IDENTITY"}
ENTRY_POINT_GROUP = "septet.systems"


def available() -> dict[str, str]:
    """Where each system's card is, by the system's name."""
    offered = {entry.name: entry.value for entry in entry_points(group=ENTRY_POINT_GROUP)}
    if clash := offered.keys() & BUILT_IN.keys():
        raise WrongSettingError(f"an installed package offers a system called {min(clash)}, which is built in")
    return {**BUILT_IN, **offered}


def installed_systems(settings: Settings) -> list[System]:
    """The cards of the floor and of the systems that SEPTET_SYSTEMS chooses, all by default."""
    from septet.core.floor import FLOOR

    return [FLOOR, *load_cards(settings.systems)]


def load_cards(names: Sequence[str]) -> list[System]:
    """Import only the systems that are asked for. Raises WrongSettingError for a name that is not there."""
    there = available()
    for name in names:
        if name not in there:
            raise WrongSettingError(f"SEPTET_SYSTEMS: there is no system {name}; there are {', '.join(sorted(there))}")
    return [_load(name, there[name]) for name in names or there]


def _load(name: str, target: str) -> System:
    from septet.core.system import System

    module, _, attribute = target.partition(":")
    card = getattr(importlib.import_module(module), attribute)
    if not isinstance(card, System) or card.name != name:
        raise TypeError(f"{target} is not the card of the system {name}")
    return card


def settings_kinds(systems: Iterable[System]) -> Mapping[str, type[Struct]]:
    """The Struct of settings of each system that has one, by the system's name."""
    return {system.name: system.settings for system in systems if system.settings is not None}
