"""From requests to answers: documents found and measured, operations run, what came of it put into GraphQL's shape."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from graphql import OperationDefinitionNode, OperationType
from graphql.execution.values import VariableValues
from msgspec import Struct

from septet.core.context import Context
from septet.core.errors import Problem, Unavailable
from septet.core.limits import Limit, Standing
from septet.core.operation import Operation
from septet.core.pipeline import Pipeline
from septet.core.projection import Failure
from septet.core.runtime import Runtime
from septet.doors.graphql.documents import Document, Documents
from septet.doors.graphql.execution import RequestRefused, execute, plans_of
from septet.doors.graphql.limits import Extent
from septet.doors.graphql.problems import ErrorEntry, Refused, entry_of, refused, too_large
from septet.doors.graphql.requests import GraphQLRequest
from septet.doors.graphql.schema import schema_of
from septet.doors.problems import status_of

log = structlog.get_logger()

CHECKS = Limit(600, 60.0, "actor", "documents")  # a thousand characters of a new document; a look at the schema
_CHARACTERS_A_CHECK = 1000
_SERVER_ERROR = 500


class Answer(Struct, frozen=True):
    """What came of one request. Without `data`, nothing of it was run."""

    data: Mapping[str, Any] | None = None
    errors: tuple[ErrorEntry, ...] = ()
    standings: tuple[Standing, ...] = ()
    replayed: bool = False

    def shown(self) -> dict[str, Any]:
        """The reply as the specification has it: errors first, where there are any."""
        shown: dict[str, Any] = {"errors": self.errors} if self.errors else {}
        if self.data is not None:
            shown["data"] = self.data
        return shown


class Prepared(Struct, frozen=True):
    """A request that may run."""

    document: Document
    operation: OperationDefinitionNode
    variables: Mapping[str, Any]
    values: VariableValues | None  # the variables, coerced; None if they do not fit, which `run` will say
    calls: tuple[Operation, ...]

    @property
    def changes(self) -> bool:
        return self.operation.operation is OperationType.MUTATION

    @property
    def open_to_all(self) -> bool:
        """Whether it does nothing but change what anybody may, as signing in does."""
        return self.changes and all(operation.public for operation in self.calls)

    @property
    def secret(self) -> bool:
        return any(operation.declared.secret for operation in self.calls)


class Budget:
    """What the requests that came together may ask for together."""

    def __init__(self, runtime: Runtime) -> None:
        floor = runtime.floor
        self._most_roots, self._most_cost = floor.graphql_roots, floor.graphql_cost
        self._most_tokens = self.tokens = floor.graphql_tokens
        self._roots = self._cost = 0

    def spend_tokens(self, tokens: int) -> None:
        """Raise Refused for what would be too much."""
        if tokens > self.tokens:
            raise too_large(f"At most {self._most_tokens:,} tokens of document, all requests together.")
        self.tokens -= tokens

    def spend(self, extent: Extent) -> None:
        """Raise Refused for what would be too much."""
        roots, cost = self._roots + extent.roots, self._cost + extent.cost
        if roots > self._most_roots:
            raise too_large(f"At most {self._most_roots} operations at once; this calls {roots}.")
        if cost > self._most_cost:
            raise too_large(
                f"At most {self._most_cost:,} values at once; this may give {cost:,}. Ask for shorter lists."
            )
        self._roots, self._cost = roots, cost


class Service:
    """Answers GraphQL requests, whatever carried them here."""

    def __init__(self, runtime: Runtime, pipeline: Pipeline) -> None:
        self._runtime = runtime
        self._pipeline = pipeline
        self._schema = schema_of(runtime)
        self._documents = Documents(self._schema, runtime.floor)

    def budget(self) -> Budget:
        return Budget(self._runtime)

    def prepare(self, request: GraphQLRequest, budget: Budget, ctx: Context) -> Prepared | Refused:
        """Finds out what is asked. Raises TooMany for a caller whose documents are always new."""
        variables = request.variables or {}
        try:
            document = self._documents.known(request.query) or self._read(request.query, budget, ctx)
            budget.spend_tokens(document.tokens)
            operation = document.operation(request.operation_name)
            values = self._coerced(document, operation, variables)
            budget.spend(document.extent(operation, variables if values is None else values.coerced))
        except Refused as refusal:
            return refusal
        if document.introspects(operation):
            self._spend_checks(ctx, 1)
        return Prepared(document, operation, variables, values, document.calls(operation))

    async def run(
        self, prepared: Prepared, request_id: str, contexts: Callable[[], Context], idempotency_key: str | None
    ) -> Answer:
        """Raises Unavailable if a query cannot be read, and what is nobody's problem but a bug."""
        name = prepared.operation.name
        try:
            executed = await execute(
                self._runtime,
                self._pipeline,
                prepared.document.node,
                operation_name=name.value if name is not None else None,
                variables=prepared.variables,
                values=prepared.values,
                contexts=contexts,
                idempotency_key=idempotency_key,
            )
        except RequestRefused as error:
            return self.refusal(refused(error.errors), request_id)
        errors = tuple(self._entries(prepared, executed.failures, request_id))
        return Answer(executed.data, errors, tuple(executed.standings), executed.replayed)

    def refusal(self, refusal: Refused, request_id: str) -> Answer:
        """For a request of which nothing was run."""
        return Answer(errors=tuple(entry_of(problem, request_id, (), places) for problem, places in refusal.problems))

    def failure(self, problem: Problem, request_id: str) -> Answer:
        """For a request that failed as a whole."""
        _report(problem, (), request_id)
        return Answer(errors=(entry_of(problem, request_id),))

    def _entries(self, prepared: Prepared, failures: Iterable[Failure], request_id: str) -> Iterable[ErrorEntry]:
        for failure in failures:
            _report(failure.problem, failure.path, request_id)
            places = prepared.document.places_of(prepared.operation, failure.path)
            yield entry_of(failure.problem, request_id, failure.path, places)

    def _coerced(
        self, document: Document, operation: OperationDefinitionNode, variables: Mapping[str, Any]
    ) -> VariableValues | None:
        try:
            return plans_of(self._runtime).of(document.node).variables(operation, variables)
        except RequestRefused:
            return None

    def _read(self, source: str, budget: Budget, ctx: Context) -> Document:
        self._spend_checks(ctx, -(-len(source) // _CHARACTERS_A_CHECK))
        try:
            return self._documents.read(source, budget.tokens)
        except Refused as refusal:
            budget.spend_tokens(min(refusal.tokens, budget.tokens))
            raise

    def _spend_checks(self, ctx: Context, checks: int) -> None:
        if self._runtime.floor.limits:
            whose = ctx.actor.key if ctx.actor.known else ctx.client.address
            for _ in range(max(1, checks)):
                ctx.spend(CHECKS, "graphql documents", whose, refusal="Too many new documents: use variables.")


def _report(problem: Problem, path: tuple[str | int, ...], request_id: str) -> None:
    """A line in the log where the fault is the server's; with its trace, unless it was foreseen."""
    if status_of(type(problem)) < _SERVER_ERROR:
        return
    foreseen = isinstance(problem, Unavailable) and problem.__cause__ is None
    log.log(
        logging.WARNING if foreseen else logging.ERROR,
        "a request failed",
        operation="graphql",
        path="/".join(map(str, path)),
        request_id=request_id,
        **({"detail": problem.detail} if foreseen else {"exc_info": problem}),
    )
