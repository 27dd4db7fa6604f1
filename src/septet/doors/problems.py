"""Problems over HTTP: each gets its status here, once, and is written as RFC 9457 has it."""

from __future__ import annotations

import math

import msgspec
from msgspec import Struct

from septet.core import errors
from septet.core.errors import Fault, Problem
from septet.core.http_problems import (
    AddressTooLong,
    BodyTimeout,
    BodyTooLarge,
    CrossSite,
    HeadersTooLarge,
    MethodNotAllowed,
    NotAcceptable,
    UnsupportedMediaType,
)
from septet.core.proofs import Proof
from septet.core.registry import Registry


class DocumentInvalid(Problem):
    """This is no GraphQL, or does not fit the schema: `/graphql` shows it. `locations` tells where."""

    code = "document_invalid"


class DocumentTooLarge(Problem):
    """A GraphQL document asks for more than this server gives at once. Ask for less, or in parts."""

    code = "document_too_large"


OF_HTTP: tuple[type[Problem], ...] = (
    AddressTooLong,
    CrossSite,
    MethodNotAllowed,
    NotAcceptable,
    UnsupportedMediaType,
    BodyTooLarge,
    HeadersTooLarge,
    BodyTimeout,
    DocumentInvalid,
    DocumentTooLarge,
)

STATUS: dict[type[Problem], int] = {
    errors.Malformed: 400,
    DocumentInvalid: 400,
    DocumentTooLarge: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    MethodNotAllowed: 405,
    NotAcceptable: 406,
    BodyTimeout: 408,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    BodyTooLarge: 413,
    AddressTooLong: 414,
    UnsupportedMediaType: 415,
    errors.Invalid: 422,
    errors.TooMany: 429,
    HeadersTooLarge: 431,
    Problem: 500,
    errors.Unavailable: 503,
}

PROBLEM_JSON = b"application/problem+json"


class ProblemBody(Struct, omit_defaults=True):
    """A problem on the wire. `type` is a page of this server about the `code`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str = ""
    trace_id: str = ""  # where it is not the request id
    errors: tuple[Fault, ...] = ()


_encode = msgspec.json.Encoder().encode


def status_of(problem: type[Problem]) -> int:
    """The status of a problem, or of the nearest of its bases that has one."""
    return next(STATUS[base] for base in problem.__mro__ if base in STATUS)


def problems_by_code(registry: Registry) -> dict[str, type[Problem]]:
    """Every problem that this server answers with, by its code: HTTP's own too. In the order of their statuses."""
    found = {**registry.problems, **{problem.code: problem for problem in OF_HTTP}}
    return dict(sorted(found.items(), key=lambda item: (status_of(item[1]), item[0])))


def body_of(problem: Problem, status: int, request_id: str, trace_id: str = "") -> bytes:
    code = problem.code
    body = ProblemBody(
        type=f"/errors/{code}",
        title=problem.title(),
        status=status,
        detail=problem.detail or problem.title() + ".",
        code=code,
        request_id=request_id,
        trace_id=trace_id,
        errors=problem.faults,
    )
    members = problem.members()
    return _encode({**msgspec.to_builtins(body), **members} if members else body)


def headers_of(problem: Problem, *, token_given: bool) -> list[tuple[bytes, bytes]]:
    """What a problem says in headers: when to come back, and how to sign in (RFC 6750 section 3)."""
    if isinstance(problem, errors.TooMany):
        return [(b"retry-after", b"%d" % max(1, math.ceil(problem.retry_after)))]
    if isinstance(problem, errors.ProofRequired):
        return [(b"www-authenticate", _step_up(problem.proof) + _resource(problem))]
    if isinstance(problem, errors.Unauthenticated):
        error = b', error="invalid_token"' if token_given else b""
        return [(b"www-authenticate", b'Bearer realm="septet"' + error + _resource(problem))]
    if isinstance(problem, errors.Unavailable):
        return [(b"retry-after", b"1")]
    return []


def _resource(problem: errors.Unauthenticated) -> bytes:
    """Where a client that has no token learns who gives them (RFC 9728 section 5.1)."""
    where = problem.resource_metadata
    return f', resource_metadata="{where}"'.encode() if where else b""


def _step_up(proof: Proof) -> bytes:
    """Which proof is wanted, as RFC 9470 section 3 tells a client."""
    age = "" if proof.seconds is None else f', max_age="{proof.seconds}"'
    told = f'Bearer realm="septet", error="insufficient_user_authentication", acr_values="{proof.acr}"{age}'
    return told.encode()
