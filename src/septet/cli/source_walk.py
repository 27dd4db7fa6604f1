"""What an operation uses, as its source shows it: queries, events, tasks, problems, policies and limits by name.

The walk begins at the operation's function and goes on into every plain function of Septet or of a system that is
named there. What is reached in other ways, through a value or a method, it does not see.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from septet.core.database import Group, Query
from septet.core.errors import Forbidden, Problem, refuse
from septet.core.events import Event
from septet.core.limits import Limit

_POLICIES = ("why_not_", "reachable_", "refuse_", "access_")
_FLOOR = "septet.core."


class Used(Struct):
    """What was found, each once, in the order in which it was met."""

    queries: list[Query]
    events: list[type[Event]]
    tasks: list[Callable[..., Any]]
    problems: list[type[Problem]]
    policies: list[Callable[..., Any]]
    limits: list[Limit]


def used_by(function: Callable[..., Any], packages: frozenset[str]) -> Used:
    """What `function` uses. `packages` are those whose functions are gone into, besides the floor's own."""
    walk = _Walk(packages)
    walk.into(function)
    return walk.used


class _Walk:
    def __init__(self, packages: frozenset[str]) -> None:
        self.used = Used([], [], [], [], [], [])
        self._packages = packages
        self._seen: set[Any] = set()

    def into(self, function: Callable[..., Any]) -> None:
        if function in self._seen or not isinstance(function, types.FunctionType):
            return
        self._seen.add(function)
        for value, call in _named_values(function):
            self._meet(value, call)

    def _meet(self, value: Any, call: ast.Call | None) -> None:
        """Look at what a name stands for; `call` is its call, if it is called there."""
        if isinstance(value, Query):
            _add(self.used.queries, value)
        elif isinstance(value, Group):
            for query in value.parts().values():
                _add(self.used.queries, query)
        elif isinstance(value, Limit):
            _add(self.used.limits, value)
        elif isinstance(value, type) and issubclass(value, Event) and call is not None:
            _add(self.used.events, value)
        elif isinstance(value, type) and issubclass(value, Problem):
            _add(self.used.problems, value)
        elif isinstance(value, types.FunctionType):
            self._meet_function(value, call)

    def _meet_function(self, function: types.FunctionType, call: ast.Call | None) -> None:
        if mark := getattr(function, "__task__", None):
            if mark.event is None and mark.every is None:
                _add(self.used.tasks, function)
            return  # it runs later, in a transaction of its own
        if function is refuse:
            if call is not None and len(call.args) + len(call.keywords) == 1:
                _add(self.used.problems, Forbidden)
            return
        if not self._is_ours(function):
            return
        if function.__name__.startswith(_POLICIES):
            _add(self.used.policies, function)
        self.into(function)

    def _is_ours(self, function: types.FunctionType) -> bool:
        module = function.__module__ or ""
        return module.startswith(_FLOOR) or any(f"{module}.".startswith(f"{package}.") for package in self._packages)


def _add(found: list[Any], value: Any) -> None:
    if not any(one is value for one in found):
        found.append(value)


def _named_values(function: types.FunctionType) -> Iterator[tuple[Any, ast.Call | None]]:
    """Every global that the function names, in the order of its source, with the call that it is called by."""
    body = _tree_of(function)
    if body is None:
        return
    local = _locals_of(body)
    called = {id(node.func): node for node in ast.walk(body) if isinstance(node, ast.Call)}
    inner = {id(node.value) for node in ast.walk(body) if isinstance(node, ast.Attribute)}
    for node in _in_order(body):
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in inner:
            found = _resolve(node, function, local)
            if found is not None:
                yield found, called.get(id(node))


def _tree_of(function: types.FunctionType) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The function's definition, less its decorators; None where there is no source."""
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    if not isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    tree.decorator_list = []
    tree.returns = None
    tree.args.defaults = []
    return tree


def _in_order(body: ast.AST) -> Iterator[ast.AST]:
    """Depth first, and what a call is given before what it calls: the order in which it all happens."""
    children = list(ast.iter_child_nodes(body))
    if isinstance(body, ast.Call):
        children = [*children[1:], children[0]]
    for child in children:
        if isinstance(child, ast.arg):
            continue
        yield child
        yield from _in_order(child)


def _locals_of(body: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    """Names that mean something of the function's own."""
    arguments = {node.arg for node in ast.walk(body) if isinstance(node, ast.arg)}
    assigned = {node.id for node in ast.walk(body) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return frozenset(arguments | assigned)


def _resolve(node: ast.expr, function: types.FunctionType, local: frozenset[str]) -> Any:
    """What a dotted name stands for, as far as modules and groups of queries lead; None for anything else."""
    if isinstance(node, ast.Name):
        return None if node.id in local else _global_of(function, node.id)
    if isinstance(node, ast.Attribute):
        holder = _resolve(node.value, function, local)
        return getattr(holder, node.attr, None) if isinstance(holder, types.ModuleType | Group) else None
    return None


def _global_of(function: types.FunctionType, name: str) -> Any:
    if name in function.__code__.co_freevars:
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        return cells[name].cell_contents
    return function.__globals__.get(name)
