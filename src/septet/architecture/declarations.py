"""Rules on what a system declares: its card, operations, relations, events, scopes, tables."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

from sqlalchemy import MetaData

from septet.core.events import Event
from septet.core.registry import Registry
from septet.core.system import System
from septet.doors.graphql.schema import build_schema
from septet.doors.mcp_schemas import input_schema
from septet.doors.schemas import Use, schemas_of


def faults_of_declarations(system: System, registry: Registry) -> list[str]:
    """What the card and its modules leave unsaid, or name as another's."""
    return [
        *_silent(system, registry),
        *_misnamed(system),
        *_events(system),
        *_unshowable(registry),
        *keys_without_index(system.tables or MetaData()),
    ]


def _silent(system: System, registry: Registry) -> Iterator[str]:
    """The first line of each is what people read in the documentation."""
    if not system.summary:
        yield f"the card of {system.name} has no summary"
    for operation in registry.operations.values():
        if operation.system == system.name and not operation.doc:
            yield f"the operation {operation.name} has no docstring"
    for named in registry.relations.values():
        for relation in named.values():
            if relation.system == system.name and not relation.doc:
                yield f"the relation {relation.owner.__name__}.{relation.name} has no docstring"


def _misnamed(system: System) -> Iterator[str]:
    """Tables and scopes are shared with all systems, so they say whose they are."""
    for scope in system.scopes:
        if not scope.startswith(f"{system.name}:"):
            yield f"the scope {scope} must begin with {system.name}:"
    for table in system.tables.tables if system.tables is not None else ():
        if not table.startswith(f"{system.name}_"):
            yield f"the table {table} must begin with {system.name}_"


def _events(system: System) -> Iterator[str]:
    for event in _declared_beside(system):
        if not event.__doc__:
            yield f"the event {event.__name__} does not say what happened"
        if event.ordered_by and event.ordered_by not in event.__struct_fields__:
            yield f"the event {event.__name__} is ordered by {event.ordered_by}, which is no field of it"


def _declared_beside(system: System) -> list[type[Event]]:
    """The events that the system's modules know and its own package declares."""
    own = {module.__name__.rpartition(".")[0] for module in system.modules}
    return [event for event in _all_below(Event) if event.__module__.rpartition(".")[0] in own]


def _all_below(base: type[Event]) -> Iterator[type[Event]]:
    for event in base.__subclasses__():
        yield event
        yield from _all_below(event)


def _unshowable(registry: Registry) -> Iterator[str]:
    """What a door could not show: names that two types share on the wire, arguments that an agent could not give."""
    operations = list(registry.operations.values())
    uses = [Use(argument.type, "in") for operation in operations for argument in operation.arguments]
    uses += [Use(operation.returns, "out") for operation in operations]
    attempts: list[Callable[[], object]] = [lambda: schemas_of(uses), lambda: build_schema(registry)]
    attempts += [functools.partial(input_schema, operation) for operation in operations if operation.declared.agent]
    for attempt in attempts:
        try:
            attempt()
        except TypeError as error:
            yield str(error)


def keys_without_index(tables: MetaData) -> list[str]:
    """Deleting the row that a foreign key points to looks for those that point to it, which no plan shows."""
    found = []
    for table in tables.sorted_tables:
        ways = [[column.name for column in index.columns] for index in table.indexes]
        ways.append([column.name for column in table.primary_key])
        ways += [[column.name] for column in table.columns if column.unique]
        for constraint in table.foreign_key_constraints:
            columns = list(constraint.column_keys)
            if not any(way[: len(columns)] == columns for way in ways):
                found.append(f"the foreign key {table.name}.{', '.join(columns)} has no index")
    return found
