"""All that the chosen systems' cards declare, gathered and checked once at start."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from septet.core import errors
from septet.core.context import Context
from septet.core.database import Query, name_queries
from septet.core.errors import Problem
from septet.core.events import Event, Handler, TaskMark
from septet.core.operation import Operation, collect
from septet.core.relation import Relation, collect_relations
from septet.core.system import System
from septet.core.wire import check_wire_types


class Task(Struct, frozen=True):
    """A task as the outbox sees it. `payload` is None for a schedule."""

    name: str
    handler: Handler
    mark: TaskMark
    payload: type[Struct] | None


class Registry:
    """What is there. Raises TypeError where cards contradict each other or a declaration breaks a rule."""

    def __init__(self, systems: Sequence[System]) -> None:
        self.systems = in_order_of_need(systems)
        self.operations: dict[str, Operation] = {}
        self.relations: dict[type, dict[str, Relation]] = {}  # by owner and name
        self.tasks: dict[str, Task] = {}
        self.queries: list[Query] = []
        for system in self.systems:
            for found in collect(system.name, system.modules):
                if found.name in self.operations:
                    raise TypeError(f"two operations are called {found.name}")
                self.operations[found.name] = found
            for relation in collect_relations(system.name, system.modules):
                beside = self.relations.setdefault(relation.owner, {})
                if beside.setdefault(relation.name, relation) is not relation:
                    raise TypeError(f"two relations are called {relation.owner.__name__}.{relation.name}")
            for task in _tasks_of(system):
                self.tasks[task.name] = task
            for module in system.queries if isinstance(system.queries, tuple) else (system.queries,):
                self.queries += name_queries(module)
        self.scopes = {name: scope for system in self.systems for name, scope in system.scopes.items()}
        self.task_of = {task.handler: task for task in self.tasks.values()}
        self.problems = self._problems()
        self._check()

    def relations_of(self, owner: type) -> Mapping[str, Relation]:
        """The relations of a type, by name."""
        return self.relations.get(owner, {})

    def listeners(self, event: type[Event]) -> list[Task]:
        return [task for task in self.tasks.values() if task.mark.event is event]

    @functools.cached_property
    def member_scopes(self) -> frozenset[str]:
        """What every account's token may do."""
        return frozenset(name for name, scope in self.scopes.items() if scope.members)

    def _problems(self) -> dict[str, type[Problem]]:
        """Every problem by its code: the floor's own, and those that cards and operations name."""
        of_floor = [p for p in vars(errors).values() if isinstance(p, type) and issubclass(p, Problem)]
        of_systems = [problem for system in self.systems for problem in system.problems]
        named = [problem for operation in self.operations.values() for problem in operation.declared.raises]
        found: dict[str, type[Problem]] = {}
        for problem in (*of_floor, *of_systems, *named):
            if found.setdefault(problem.code, problem) is not problem:
                raise TypeError(f"two problems have the code {problem.code}")
        return found

    def _check(self) -> None:
        relations = [relation for named in self.relations.values() for relation in named.values()]
        check_wire_types(self.operations.values(), relations)
        wanted = {operation.name: operation.declared.scope for operation in self.operations.values()}
        wanted |= {f"{relation.owner.__name__}.{relation.name}": relation.scope for relation in relations}
        for name, scope in wanted.items():
            if scope is not None and scope not in self.scopes:
                raise TypeError(f"{name}: no card declares the scope {scope}")
        for operation in self.operations.values():
            if operation.declared.agent and operation.declared.secret:
                raise TypeError(f"{operation.name}: what takes or gives a secret is not offered to agents")


def in_order_of_need(systems: Sequence[System]) -> list[System]:
    """Each system after those it needs. Raises TypeError for a need that is missing, or a circle."""
    by_name = {system.name: system for system in systems}
    ordered: list[System] = []

    def place(system: System, above: tuple[str, ...]) -> None:
        if system in ordered:
            return
        if system.name in above:
            raise TypeError(f"systems need each other in a circle: {' → '.join((*above, system.name))}")
        for need in system.needs:
            if need not in by_name:
                raise TypeError(f"the system {system.name} needs {need}: add it to SEPTET_SYSTEMS")
            place(by_name[need], (*above, system.name))
        ordered.append(system)

    for system in systems:
        place(system, ())
    return ordered


def _tasks_of(system: System) -> list[Task]:
    return [
        Task(f"{system.name}.{name}", function, mark, _payload_of(function))
        for module in system.modules
        for name, function in vars(module).items()
        if isinstance(function, types.FunctionType)
        and function.__module__ == module.__name__
        and (mark := getattr(function, "__task__", None))
    ]


def _payload_of(function: types.FunctionType) -> Any:
    names = list(inspect.signature(function).parameters)
    hints = typing.get_type_hints(function)
    if not names or hints.get(names[0]) is not Context:
        raise TypeError(f"{function.__qualname__}: a task's first argument is ctx: Context")
    return hints[names[1]] if len(names) > 1 else None
