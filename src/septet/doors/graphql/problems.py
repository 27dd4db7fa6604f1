"""Problems as GraphQL tells them: entries of `errors`, with the same members as over REST in their `extensions`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from septet.core.errors import Fault, Problem, TooMany, Unavailable
from septet.doors.problems import DocumentInvalid, DocumentTooLarge, status_of

if TYPE_CHECKING:
    from graphql import GraphQLError

_LONGEST_MESSAGE = 300  # messages quote the document, which may hold long texts


class Location(Struct, frozen=True):
    """A place in the document, both counted from 1."""

    line: int
    column: int


class Extensions(Struct, frozen=True, omit_defaults=True):
    """What REST's problems say. `retry_after` is in seconds."""

    code: str
    status: int
    type: str
    title: str
    detail: str
    request_id: str = ""
    errors: tuple[Fault, ...] = ()
    retry_after: int = 0


class ErrorEntry(Struct, frozen=True, omit_defaults=True):
    """One entry of `errors`. `path` is the place in the reply that is null because of it."""

    message: str
    extensions: Extensions | dict[str, Any]
    path: tuple[str | int, ...] = ()
    locations: tuple[Location, ...] = ()


class Refused(Exception):
    """A document, or how it is called, was refused before any of it ran. `problems` says why, each with its places.

    tokens: how many of them were read to find that out.
    """

    def __init__(self, problems: Sequence[tuple[Problem, tuple[Location, ...]]]) -> None:
        super().__init__(problems[0][0].detail)
        self.problems = problems
        self.tokens = 0


def refused(errors: Iterable[GraphQLError], kind: type[Problem] = DocumentInvalid) -> Refused:
    """What graphql-core found wrong."""
    return Refused([(kind(_shortened(error.message)), _locations_of(error)) for error in errors])


def too_large(detail: str) -> Refused:
    """One of the limits of this door."""
    return Refused([(DocumentTooLarge(detail), ())])


def entry_of(
    problem: Problem,
    request_id: str,
    path: tuple[str | int, ...] = (),
    locations: tuple[Location, ...] = (),
) -> ErrorEntry:
    code, title = problem.code, problem.title()
    detail = problem.detail or f"{title}."
    extensions = Extensions(
        code=code,
        status=status_of(type(problem)),
        type=f"/errors/{code}",
        title=title,
        detail=detail,
        request_id=request_id,
        errors=problem.faults,
        retry_after=_retry_after(problem),
    )
    members = problem.members()
    told = {**msgspec.to_builtins(extensions), **members} if members else extensions
    return ErrorEntry(detail, told, path, locations)


def _retry_after(problem: Problem) -> int:
    if isinstance(problem, TooMany):
        return max(1, math.ceil(problem.retry_after))
    return 1 if isinstance(problem, Unavailable) else 0


def _shortened(message: str) -> str:
    return message if len(message) <= _LONGEST_MESSAGE else message[: _LONGEST_MESSAGE - 1] + "…"


def _locations_of(error: GraphQLError) -> tuple[Location, ...]:
    return tuple(Location(place.line, place.column) for place in error.locations or ())
