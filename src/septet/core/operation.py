"""Operations: use cases, declared once, reachable by every door.

The decorator only marks the function, which stays plain and callable with its exact type.
A system's card lists its modules; `collect` gathers the marks from them and compiles each into an `Operation`.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

import msgspec
from msgspec import Struct

from septet.core.arguments import Argument, caller_of, read_arguments, struct_of
from septet.core.cache import CachedFor
from septet.core.context import Context
from septet.core.database import Isolation
from septet.core.errors import Problem
from septet.core.limits import Limit
from septet.core.proofs import Proof
from septet.core.tags import Tags

P = ParamSpec("P")
R = TypeVar("R")
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Function = Callable[Concatenate[Context, P], Awaitable[R]]


class Declared(Struct, frozen=True, kw_only=True):
    """What a declaration says; see `_Verb.__call__` for the meaning of each."""

    method: Method
    path: str
    scope: str | None
    status: int
    statuses: Mapping[type, int]
    limits: tuple[Limit, ...]
    raises: tuple[type[Problem], ...]
    steps: bool
    snapshot: bool
    isolation: Isolation
    secret: bool
    agent: bool
    proof: Proof | None
    cache: CachedFor | None
    invalidates: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.cache is not None and (self.method != "GET" or self.secret):
            raise TypeError(f"{self.method} {self.path}: only what a GET gives can be kept, and no secret")
        if self.proof is not None and self.scope is None:
            raise TypeError(f"{self.method} {self.path}: who may be anybody has nothing to prove")
        if self.invalidates and self.method == "GET":
            raise TypeError(f"{self.method} {self.path}: a GET changes nothing, so it invalidates nothing")

    def status_of(self, value: Any) -> int:
        """The status of a reply, for a door that speaks HTTP."""
        return self.statuses.get(type(value), self.status) if self.statuses else self.status


class _Verb:
    def __init__(self, method: Method) -> None:
        self._method = method

    def __call__(
        self,
        path: str,
        *,
        scope: str | None = None,
        public: bool = False,
        status: int | None = None,
        statuses: Mapping[type, int] = MappingProxyType({}),
        limit: Limit | tuple[Limit, ...] = (),
        raises: tuple[type[Problem], ...] = (),
        steps: bool = False,
        snapshot: bool = False,
        hot: bool = False,
        secret: bool = False,
        agent: bool = False,
        proof: Proof | None = None,
        cache: CachedFor | None = None,
        invalidates: tuple[str, ...] = (),
    ) -> Callable[[Function[P, R]], Function[P, R]]:
        """Declare an operation.

        scope: what the caller's token must hold; `public=True` instead lets anybody in.
        status: of a reply that succeeds; 201 for POST, 204 for one without a reply, else 200.
        statuses: of replies that differ from it by their type, where an operation returns a union of types.
        limit: on top of the default one. raises: problems of its own, for the documentation.
        steps: opens its short transactions itself, because it hashes, calls out or streams.
        snapshot: a read whose queries must all see one moment.
        hot: READ COMMITTED, for atomic updates of rows that many change at once.
        secret: its reply or arguments hold a secret, so nothing of them is stored for a retry, or logged.
        agent: offered as an MCP tool.
        proof: how fresh and strong the proof of who asks must be, on top of the scope: `fresh()`.
        cache: how long a read's value may be kept: `cached_for(30, tags=("note:{id}",))`.
        invalidates: tags of kept values that a write makes untrue: `("note:{id}", "notes:{actor}")`.
        """
        if (scope is None) != public:
            raise TypeError(f"{self._method} {path}: name a scope, or say public=True")
        declared = Declared(
            method=self._method,
            path=path,
            scope=scope,
            status=status or 0,
            statuses=statuses,
            limits=limit if isinstance(limit, tuple) else (limit,),
            raises=raises,
            steps=steps,
            snapshot=snapshot,
            isolation=Isolation.READ_COMMITTED if hot else Isolation.SERIALIZABLE,
            secret=secret,
            agent=agent,
            proof=proof,
            cache=cache,
            invalidates=invalidates,
        )
        return lambda function: _mark(function, declared)


def _mark(function: Function[P, R], declared: Declared) -> Function[P, R]:
    """Keep the declaration with the function. Its status, if it names none, is the usual one."""
    empty = inspect.signature(function).return_annotation in (None, "None")
    status = declared.status or (204 if empty else 201 if declared.method == "POST" else 200)
    setattr(function, "__operation__", msgspec.structs.replace(declared, status=status))
    return function


class operation:  # noqa: N801 - read as a word: @operation.get(…)
    """`@operation.get(…)`, `.post`, `.put`, `.patch`, `.delete`: mark a function as an operation."""

    get = _Verb("GET")
    post = _Verb("POST")
    put = _Verb("PUT")
    patch = _Verb("PATCH")
    delete = _Verb("DELETE")


class Operation(Struct, frozen=True):
    """An operation as doors see it. `arguments_type` is one Struct of all its arguments, the body under `body`."""

    name: str
    system: str
    function: Callable[..., Awaitable[Any]]
    declared: Declared
    arguments: tuple[Argument, ...]
    arguments_type: type[Struct]
    returns: Any
    call: Callable[[Context, Any], Awaitable[Any]]

    @property
    def body(self) -> Argument | None:
        return next((argument for argument in self.arguments if argument.where == "body"), None)

    @property
    def writes(self) -> bool:
        return self.declared.method != "GET"

    @property
    def public(self) -> bool:
        return self.declared.scope is None

    @property
    def takes_idempotency_key(self) -> bool:
        """Unsafe ones do, but for the anonymous, which have nobody to remember it for, and the secret-returning."""
        return self.writes and not self.public and not self.declared.secret

    @property
    def doc(self) -> str:
        return inspect.getdoc(self.function) or ""


def collect(system: str, modules: Iterable[types.ModuleType]) -> list[Operation]:
    """The operations that `modules` declare themselves; what they merely import is left out."""
    return [
        _compile(system, function, declared)
        for module in modules
        for function in vars(module).values()
        if getattr(function, "__module__", None) == module.__name__
        and (declared := getattr(function, "__operation__", None))
    ]


def _compile(system: str, function: Callable[..., Awaitable[Any]], declared: Declared) -> Operation:
    hints = typing.get_type_hints(function, include_extras=True)
    arguments = read_arguments(function, hints, after=1, in_path=re.findall(r"{(\w+)}", declared.path))
    name = getattr(function, "__name__")
    _refuse_clashes(name, arguments)
    _check_tags(name, declared, arguments, hints["return"])
    call = caller_of(function, arguments, ("ctx",))
    return Operation(name, system, function, declared, arguments, struct_of(name, arguments), hints["return"], call)


def _check_tags(name: str, declared: Declared, arguments: tuple[Argument, ...], returns: Any) -> None:
    """Raise TypeError for a tag that could not be filled, or that makes one caller's value everybody's."""
    Tags(name, declared.invalidates, arguments, returns)
    if declared.cache is not None:
        Tags(name, declared.cache.tags, arguments)
        if declared.cache.shared and any("{actor}" in tag for tag in declared.cache.tags):
            raise TypeError(f"{name}: a shared value is nobody's own, so it has no tag with {{actor}}")


def _refuse_clashes(name: str, arguments: tuple[Argument, ...]) -> None:
    """Other doors show arguments and the body's fields side by side, so the two may not share a name."""
    body = next((argument for argument in arguments if argument.where == "body"), None)
    if body is None or not isinstance(body.type, type):
        return
    fields = {field.encode_name for field in msgspec.structs.fields(body.type)}
    if clash := fields & {argument.name for argument in arguments if argument is not body}:
        raise TypeError(f"{name}: {sorted(clash)} are both arguments and fields of the body")
