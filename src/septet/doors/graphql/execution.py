"""Executes a document: level by level, by the projector, over what operations give.

A query's root fields are let in and bound one by one, at the price of one call each, and then read within one
snapshot. A mutation's root fields run one after another, each as one call with a transaction of its own; what they
gave is shown from a snapshot after it. A root field that is refused is null, with its problem beside it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    OperationDefinitionNode,
    SelectionSetNode,
    execute_sync,
)
from graphql.execution.values import VariableValues
from msgspec import Struct

from septet.core.context import Context
from septet.core.errors import Invalid, Problem, Unavailable
from septet.core.limits import Standing
from septet.core.pipeline import Pipeline
from septet.core.projection import Failure, Projector
from septet.core.runtime import Runtime
from septet.doors.graphql.plan import Call, Introspection, Plan, Typename
from septet.doors.graphql.plans import DocumentPlans, PlanCache, RequestRefused
from septet.doors.graphql.schema import schema_of

__all__ = ["Executed", "RequestRefused", "execute"]


class Executed(Struct):
    """What came of a document. `data` is ready to be encoded; each of `failures` tells why a place of it is null.

    replayed: every field of a mutation was stored by an earlier request with the same idempotency key.
    """

    data: dict[str, Any]
    failures: list[Failure]
    standings: list[Standing]
    replayed: bool = False


async def execute(
    runtime: Runtime,
    pipeline: Pipeline,
    document: DocumentNode,
    *,
    operation_name: str | None = None,
    variables: Mapping[str, Any] | None = None,
    values: VariableValues | None = None,
    contexts: Callable[[], Context],
    idempotency_key: str | None = None,
) -> Executed:
    """Execute an operation of a document that was validated against `schema_of(runtime)`.

    values: the variables, if they were coerced already.
    contexts: makes the context of a call; asked once for a query, and for each field of a mutation.
    idempotency_key: each field of a mutation has it with its own alias behind it, as `key:alias`.

    Raises RequestRefused if nothing was executed, and for a query whose snapshot cannot be read to its end the
    Problem that ended it: Unavailable, or Invalid for a value that the database refused. What is nobody's
    problem but a bug leaves a query as it is; of a mutation's field it becomes a Problem, with the bug as its cause,
    because the fields before it are done.
    """
    plans = plans_of(runtime).of(document)
    node = plans.operation(operation_name)
    given = variables or {}
    values = values or plans.variables(node, given)
    plan = plans.plan(node, values)
    run = _Run(runtime, pipeline, plan, values, contexts)
    run.introspect(plans, node, given)
    if plan.changes:
        await run.change(idempotency_key)
    else:
        await run.read()
    return run.executed()


def plans_of(runtime: Runtime) -> PlanCache:
    """The plans of a running server."""
    if PlanCache not in runtime.memory:
        runtime.memory[PlanCache] = PlanCache(schema_of(runtime))
    cache: PlanCache = runtime.memory[PlanCache]
    return cache


class _Run:
    """One execution. Places that are null from the beginning are filled as the fields are done."""

    def __init__(
        self,
        runtime: Runtime,
        pipeline: Pipeline,
        plan: Plan,
        variables: VariableValues,
        contexts: Callable[[], Context],
    ) -> None:
        self._runtime = runtime
        self._pipeline = pipeline
        self._plan = plan
        self._variables = variables
        self._contexts = contexts
        self._data: dict[str, Any] = {
            root.key: root.name if isinstance(root, Typename) else None for root in plan.roots
        }
        self._calls = [root for root in plan.roots if isinstance(root, Call)]
        self._failures: list[Failure] = []
        self._standings: list[Standing] = []
        self._replayed: list[bool] = []

    def executed(self) -> Executed:
        replayed = bool(self._replayed) and all(self._replayed)
        return Executed(self._data, self._failures, self._standings, replayed)

    def introspect(self, plans: DocumentPlans, node: OperationDefinitionNode, given: Mapping[str, Any]) -> None:
        """What is asked about the schema itself, answered by graphql-core."""
        nodes = tuple(each for root in self._plan.roots if isinstance(root, Introspection) for each in root.nodes)
        if nodes:
            result = execute_sync(schema_of(self._runtime), _only(plans, node, nodes), variable_values=dict(given))
            self._data |= result.data or {}
            self._failures += [
                Failure(tuple(error.path or ()), Invalid(error.message)) for error in result.errors or ()
            ]

    async def read(self) -> None:
        """All calls of a query, in one snapshot."""
        if not self._calls:
            return
        ctx = self._contexts()
        admitted = [bound for call in self._calls if (bound := self._admit(ctx, call)) is not None]
        values = {}
        for call, arguments in admitted:
            if call.operation.declared.steps:
                values[call.key] = await self._value_in_steps(ctx, call, arguments)
        self._standings = ctx.standings
        if admitted:
            self._failures += await self._runtime.read(
                ctx, functools.partial(self._read_all, ctx, admitted, values), snapshot=self._needs_snapshot(admitted)
            )

    def _admit(self, ctx: Context, call: Call) -> tuple[Call, Struct] | None:
        try:
            self._pipeline.admit(ctx, call.operation)
            return call, call.bind(self._variables)
        except Problem as problem:
            self._fail(call, problem)
            return None

    async def _value_in_steps(self, ctx: Context, call: Call, arguments: Struct) -> Any:
        """A value that is made in transactions of its own, before the snapshot; or the problem with it."""
        try:
            return await self._pipeline.read_within(ctx, call.operation, arguments)
        except Problem as problem:
            return problem

    def _needs_snapshot(self, admitted: list[tuple[Call, Struct]]) -> bool:
        """Not for a single operation alone: it reads as it does over REST."""
        (call, _), *others = admitted
        return bool(others) or call.follows or call.operation.declared.snapshot

    async def _read_all(
        self, ctx: Context, admitted: list[tuple[Call, Struct]], values: dict[str, Any]
    ) -> list[Failure]:
        """Give the failures. May be run again from its start, so all that it leaves behind is replaced then."""
        failures: list[Failure] = []
        projector = Projector(ctx, failures, self._variables)
        for call, arguments in admitted:
            so_far = len(failures)
            try:
                if call.operation.declared.steps:
                    value = values[call.key]
                    if isinstance(value, Problem):
                        raise value
                else:
                    value = await self._pipeline.read_within(ctx, call.operation, arguments)
                self._data[call.key] = await _show(projector, call, value)
            except Unavailable:
                raise
            except Problem as problem:
                self._data[call.key] = None
                failures[so_far:] = [Failure((call.key,), problem)]
        return failures

    async def change(self, idempotency_key: str | None) -> None:
        """The calls of a mutation, one after another."""
        for call in self._calls:
            ctx = self._contexts()
            key = None if idempotency_key is None else f"{idempotency_key}:{call.key}"
            failures: list[Failure] = []
            try:
                self._data[call.key] = await self._change(ctx, call, key, failures)
                self._failures += failures
            except Problem as problem:
                self._fail(call, problem)
            except Exception as error:
                bug = Problem()
                bug.__cause__ = error
                self._fail(call, bug)
            self._standings += ctx.standings
            self._replayed.append(ctx.replayed)

    async def _change(self, ctx: Context, call: Call, key: str | None, failures: list[Failure]) -> Any:
        bind = functools.partial(call.bind, self._variables)
        shown: Any = None

        async def show(value: Any) -> Any:
            nonlocal shown
            failures.clear()
            shown = await _show(Projector(ctx, failures, self._variables), call, value)
            return value

        if call.follows:
            await self._pipeline.call(ctx, call.operation, bind, key, show)
        else:
            await show(await self._pipeline.call(ctx, call.operation, bind, key))
        return shown

    def _fail(self, call: Call, problem: Problem) -> None:
        self._failures.append(Failure((call.key,), problem))


async def _show(projector: Projector, call: Call, value: Any) -> Any:
    """What is wanted of the value of a call."""
    if call.wanted is None:
        return value if call.show is None else call.show(value)
    if call.many:
        return None if value is None else await projector.project_list(call.wanted, value, (call.key,))
    return await projector.project(call.wanted, value, (call.key,))


def _only(plans: DocumentPlans, node: OperationDefinitionNode, fields: tuple[FieldNode, ...]) -> DocumentNode:
    """A document of just these root fields."""
    operation = OperationDefinitionNode(
        operation=node.operation,
        name=node.name,
        variable_definitions=node.variable_definitions,
        directives=(),
        selection_set=SelectionSetNode(selections=fields),
    )
    return DocumentNode(definitions=(operation, *plans.fragments.values()))
