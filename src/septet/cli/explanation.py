"""All that is known of an operation: from its declaration, and from its source."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from septet.cli.arguments import Field, fields_of
from septet.cli.operations import first_line
from septet.cli.shapes import metavar_of
from septet.cli.source_walk import Used, used_by
from septet.core.database import Isolation
from septet.core.errors import (
    Forbidden,
    InProgress,
    Invalid,
    KeyReused,
    NotFound,
    Problem,
    ProofRequired,
    TooMany,
    Unauthenticated,
)
from septet.core.events import Event
from septet.core.limits import Limit
from septet.core.operation import Operation
from septet.core.registry import Registry
from septet.doors.graphql.names import camel
from septet.doors.problems import status_of
from septet.engines.database.explain import Explained

STATIC = "Found in its source; what is reached in other ways is not shown."


class Doors(Struct, frozen=True):
    """How each door names it. `mcp` is None where it is not offered to agents."""

    rest: str
    graphql: str
    mcp: str | None
    command_line: str


class Announced(Struct, frozen=True):
    """An event, and the tasks that listen to it."""

    event: str
    listeners: list[str]


class Refusal(Struct, frozen=True):
    code: str
    status: int
    meaning: str


class Policy(Struct, frozen=True):
    """A function that decides whether something may be, or that is the only way to a thing."""

    name: str
    meaning: str


class Explanation(Struct, frozen=True, kw_only=True):
    name: str
    system: str
    doc: str
    defined_at: str
    doors: Doors
    scope: str | None
    proof: str | None
    limits: list[str]
    idempotency_key: bool
    secret: bool
    transaction: str
    cache: str | None
    invalidates: list[str]
    policies: list[Policy]
    problems: list[Refusal]
    events: list[Announced]
    tasks: list[str]
    database: str
    queries: list[Explained]
    note: str = STATIC


def explanation_of(
    operation: Operation, registry: Registry, default: Limit | None, database: str, queries: list[Explained], used: Used
) -> Explanation:
    """`default` is the limit on all calls, None while limits are off; `queries` are those of `used`, with plans."""
    fields = fields_of(operation)
    declared = operation.declared
    return Explanation(
        name=operation.name,
        system=operation.system,
        doc=operation.doc,
        defined_at=_place_of(operation.function),
        doors=_doors_of(operation, fields),
        scope=declared.scope,
        proof=declared.proof.in_words() if declared.proof else None,
        limits=_limits_in_words(operation, default, used),
        idempotency_key=operation.takes_idempotency_key,
        secret=declared.secret,
        transaction=_transaction_in_words(operation),
        cache=_cache_in_words(operation),
        invalidates=list(declared.invalidates),
        policies=[Policy(_place_named(one), first_line(inspect.getdoc(one) or "")) for one in used.policies],
        problems=_refusals_of(operation, default, fields, used),
        events=[_announced(event, registry) for event in used.events],
        tasks=[registry.task_of[task].name for task in used.tasks if task in registry.task_of],
        database=database,
        queries=queries,
    )


def used_by_operation(operation: Operation, registry: Registry) -> Used:
    """What the source of an operation shows, followed through the packages of all systems."""
    modules = {module.__name__ for system in registry.systems for module in system.modules}
    packages = frozenset(name.rpartition(".")[0] or name for name in modules)
    return used_by(operation.function, packages)


def _doors_of(operation: Operation, fields: Sequence[Field]) -> Doors:
    kind = "mutation" if operation.writes else "query"
    words = ["septet", "call", operation.name, *(_usage_of(field) for field in fields)]
    return Doors(
        rest=f"{operation.declared.method} {operation.declared.path}",
        graphql=f"{kind} {{ {camel(operation.name)} }}",
        mcp=operation.name if operation.declared.agent else None,
        command_line=" ".join(words),
    )


def _usage_of(field: Field) -> str:
    if field.is_switch:
        return f"[--{field.option}|--no-{field.option}]"
    option = f"--{field.option} {'JSON' if field.lexer is None else metavar_of(field.type)}"
    many = "…" if field.lexer is not None and field.lexer.many else ""
    return f"{option}{many}" if field.required else f"[{option}]{many}"


def _limits_in_words(operation: Operation, default: Limit | None, used: Used) -> list[str]:
    if default is None:
        return []
    found = [_limit_in_words(default, "over all operations together")]
    found += [_limit_in_words(limit, "") for limit in operation.declared.limits]
    return found + [_limit_in_words(limit, "counted by the operation itself") for limit in used.limits]


def _limit_in_words(limit: Limit, remark: str) -> str:
    whose = "address" if limit.by == "address" else "caller"
    return f"{limit.quota} in {limit.window:g} s for each {whose}{f', {remark}' if remark else ''}"


def _transaction_in_words(operation: Operation) -> str:
    declared = operation.declared
    if declared.steps:
        return "steps: it opens short transactions itself"
    if not operation.writes:
        return "read, one snapshot for all its queries" if declared.snapshot else "read, each query by itself"
    if declared.isolation is Isolation.READ_COMMITTED:
        return "write, hot: READ COMMITTED on PostgreSQL"
    return "write, SERIALIZABLE, run again if others were in its way"


def _cache_in_words(operation: Operation) -> str | None:
    cached = operation.declared.cache
    if cached is None:
        return None
    whose = "one value for all" if cached.shared else "for each caller"
    return f"its value is kept for {cached.seconds:g} s, {whose}, as {', '.join(cached.tags) or 'no tag'}"


def _refusals_of(operation: Operation, default: Limit | None, fields: Sequence[Field], used: Used) -> list[Refusal]:
    """What the pipeline may refuse with, then what is declared and what the source shows."""
    before: list[type[Problem]] = []
    if not operation.public:
        before += [Unauthenticated, Forbidden]
    if operation.declared.proof is not None:
        before.append(ProofRequired)
    if default is not None:
        before.append(TooMany)
    if fields:
        before.append(Invalid)
    if any(argument.where == "path" for argument in operation.arguments):
        before.append(NotFound)
    if operation.takes_idempotency_key:
        before += [InProgress, KeyReused]
    found = dict.fromkeys([*before, *operation.declared.raises, *used.problems])
    refusals = [Refusal(one.code, status_of(one), first_line(inspect.getdoc(one) or "")) for one in found]
    return sorted(refusals, key=lambda one: (one.status, one.code))


def _announced(event: type[Event], registry: Registry) -> Announced:
    return Announced(_place_named(event), [task.name for task in registry.listeners(event)])


def _place_named(thing: Callable[..., Any]) -> str:
    return f"{thing.__module__.removeprefix('septet.')}.{thing.__qualname__}"


def _place_of(function: Callable[..., Any]) -> str:
    return f"{inspect.getsourcefile(function)}:{inspect.getsourcelines(function)[1]}"
