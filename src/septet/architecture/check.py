"""Holds one system to every rule of the house, each a finding with its faults."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import asyncpg
from msgspec import Struct

from septet.architecture.declarations import faults_of_declarations
from septet.architecture.plans import faults_on_postgresql, faults_on_sqlite, large_tables, unexcused
from septet.architecture.rooms import faults_of_imports, faults_of_rooms, folder_of, package_of
from septet.core.database import Query, name_queries
from septet.core.floor import FLOOR
from septet.core.registry import Registry
from septet.core.system import System
from septet.engines.database import sqlite_path
from septet.engines.database.compile import Plans
from septet.engines.database.dialects import POSTGRESQL, SQLITE
from septet.engines.database.expand_contract import lint
from septet.engines.database.scratch import faults_of_tables, scratch_file, with_tables
from septet.settings import Settings
from septet.systems import load_cards

IMPORTS = "imports go one way, and to other systems through their public file"
ROOMS = "files and functions are small, and each file says what it is for"
DECLARATIONS = "what is declared is documented, named as its own, and clashes with no other system"
REVISIONS = "revisions let the previous release go on, and make the declared tables"
QUERIES = "queries compile for both databases, and none reads more than it must"


class Finding(Struct, frozen=True):
    """A rule, and all that breaks it."""

    rule: str
    faults: list[str]


async def faults_of(system: System, *urls: str) -> list[str]:
    """All that is not as the house wants it. `urls`: empty databases to try in, beside a new SQLite file."""
    return [fault for finding in await findings_of(system, urls) for fault in finding.faults]


async def findings_of(system: System, urls: Sequence[str] = ()) -> list[Finding]:
    """What was found for each rule, with all installed systems beside this one."""
    systems = [FLOOR, *(card for card in load_cards(()) if card.name != system.name), system]
    try:
        package, registry = package_of(system), Registry(systems)
    except TypeError as error:
        return [Finding(DECLARATIONS, [str(error)])]
    return [
        Finding(IMPORTS, faults_of_imports(system, systems)),
        Finding(ROOMS, faults_of_rooms(package, folder_of(package))),
        Finding(DECLARATIONS, faults_of_declarations(system, registry)),
        *await _on_databases(system, urls),
    ]


async def _on_databases(system: System, urls: Sequence[str]) -> list[Finding]:
    """The rules on revisions and queries; a database is asked only about what is sound without one."""
    queries = queries_of(system)
    linted, uncompiled = [str(fault) for fault in lint(system)], _uncompiled(queries)
    of_tables: list[str] = []
    of_plans: list[str] = []
    async with scratch_file() as file:
        for url in (file, *urls) if not linted else ():
            where = f"on {url.partition('://')[0]}"
            faults = await faults_of_tables(url, [FLOOR, system])
            of_tables += [f"{where}, {fault}" for fault in faults]
            if not faults and not uncompiled:
                of_plans += [f"{where}, {fault}" for fault in await _costly(url, [FLOOR, system], queries)]
    return [Finding(REVISIONS, linted + of_tables), Finding(QUERIES, uncompiled + of_plans)]


def queries_of(system: System) -> list[Query]:
    modules = system.queries if isinstance(system.queries, tuple) else (system.queries,)
    return [query for module in modules for query in name_queries(module)]


def _uncompiled(queries: Iterable[Query]) -> list[str]:
    found = []
    for dialect in (SQLITE, POSTGRESQL):
        plans = Plans(dialect)
        for query in queries:
            try:
                plans.compile([query])
            except TypeError as error:
                found.append(f"on {dialect.name}, {error}")
    return found


async def _costly(url: str, systems: Sequence[System], queries: Iterable[Query]) -> list[str]:
    async with with_tables(url, systems):
        return await faults_of_plans(url, queries, large_tables(systems))


async def faults_of_plans(url: str, queries: Iterable[Query], large: set[str]) -> list[str]:
    """What in the plans of `queries` grows with a table of `large`, in the migrated database at `url`."""
    if url.startswith("sqlite"):
        file = sqlite3.connect(sqlite_path(url, Settings()))
        try:
            return [fault for query in queries for fault in unexcused(query, faults_on_sqlite(file, query, large))]
        finally:
            file.close()
    connection = await asyncpg.connect(url)
    try:
        found = []
        for query in queries:
            found += unexcused(query, await faults_on_postgresql(connection, query, large))
        return found
    finally:
        await connection.close()
