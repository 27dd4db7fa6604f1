"""The replies of operations in the OpenAPI document: what succeeds, and every problem with its codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from septet.core import errors
from septet.core.errors import Problem
from septet.core.http_problems import BodyTimeout, BodyTooLarge, HeadersTooLarge, UnsupportedMediaType
from septet.core.operation import Operation
from septet.doors.problems import status_of
from septet.doors.schemas import REFERENCE, Schema

PHRASES = {
    400: "The request cannot be read.",
    401: "It is not known who asks.",
    403: "The caller may not do this.",
    404: "There is no such thing.",
    408: "The body did not arrive in time.",
    409: "It contradicts what is there.",
    412: "It was changed in the meantime.",
    413: "The body is too large.",
    415: "The body is not JSON in UTF-8.",
    422: "The request breaks a rule; `errors` names every place.",
    429: "More calls than the limit allows.",
    431: "The headers are too large.",
    503: "The server cannot do this now, or cannot tell whether it did.",
}

_TEXT = {"type": "string"}
HEADERS: dict[str, Schema] = {
    "ETag": {"description": "The version of this reply: send it as If-None-Match or If-Match.", "schema": _TEXT},
    "Idempotent-Replayed": {
        "description": "`true` if this is the reply to an earlier request with the same Idempotency-Key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Link": {"description": "The pages beside this one, `next` and `prev` (RFC 8288).", "schema": _TEXT},
    "Location": {"description": "Where that which was made can be read.", "schema": _TEXT},
    "RateLimit": {
        "description": 'What the limits leave: `"minute";r=29;t=2` says 29 calls now, all again in 2 seconds.',
        "schema": _TEXT,
    },
    "RateLimit-Policy": {
        "description": 'The limits: `"minute";q=30;w=60` says 30 calls in 60 seconds.',
        "schema": _TEXT,
    },
    "Retry-After": {"description": "Seconds to wait before the next try.", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "How to sign in (RFC 6750).", "schema": _TEXT},
    "X-Request-Id": {"description": "Names this request in the server's log.", "schema": _TEXT},
}

PROBLEM: Schema = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "A page about the code."},
        "title": {"type": "string", "description": "The code in words."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What went wrong this time, for people."},
        "code": {"type": "string", "description": "What went wrong, for programs."},
        "request_id": {"type": "string", "description": "Names this request in the server's log."},
        "trace_id": {"type": "string", "description": "Names its trace, where that is not the request id."},
        "errors": {
            "type": "array",
            "description": "Each fault of the input.",
            "items": {"$ref": f"{REFERENCE}Fault"},
        },
    },
}
FAULT: Schema = {
    "type": "object",
    "description": "One fault of an input.",
    "required": ["pointer", "detail"],
    "properties": {
        "pointer": {"type": "string", "description": "A JSON pointer to a field of the body, or to an argument."},
        "detail": {"type": "string", "description": "What is wrong there."},
    },
}


def replies_of(operation: Operation, returned: Mapping[int, Schema], *, located: bool, pages: bool) -> dict[str, Any]:
    """Every reply of an operation by its status; `returned` are the schemas of what it returns."""
    replies: dict[str, Any] = {
        str(status): _success(operation, status, schema, located, pages) for status, schema in returned.items()
    }
    if not operation.writes:
        replies["304"] = {"description": "The caller has this version.", "headers": _headers("ETag")}
    by_status: dict[int, list[type[Problem]]] = {}
    for problem in dict.fromkeys(_problems_of(operation)):
        by_status.setdefault(status_of(problem), []).append(problem)
    for status in sorted(by_status):
        replies[str(status)] = _refusal(status, by_status[status])
    return replies


def _success(operation: Operation, status: int, schema: Schema, located: bool, pages: bool) -> dict[str, Any]:
    names = ["RateLimit", "RateLimit-Policy", "X-Request-Id"]
    names += ["ETag"] if not operation.writes else []
    names += ["Link"] if pages else []
    names += ["Location"] if located and status == 201 else []
    names += ["Idempotent-Replayed"] if operation.takes_idempotency_key else []
    reply: dict[str, Any] = {"description": "Done.", "headers": _headers(*sorted(names))}
    if status != 204:
        reply["content"] = {"application/json": {"schema": schema}}
    return reply


def _problems_of(operation: Operation) -> Iterable[type[Problem]]:
    """What the door, the pipeline and the operation itself may answer with."""
    yield from (errors.Malformed, errors.TooMany, HeadersTooLarge, errors.Unavailable)
    if not operation.public or not operation.writes:
        yield errors.Unauthenticated
    if operation.declared.proof is not None:
        yield errors.ProofRequired
    if not operation.public:
        yield errors.Forbidden
    if "{" in operation.declared.path:
        yield errors.NotFound
    yield errors.Invalid
    if operation.body is not None:
        yield from (BodyTimeout, BodyTooLarge, UnsupportedMediaType)
    elif operation.writes:
        yield BodyTimeout
    if operation.takes_idempotency_key:
        yield from (errors.InProgress, errors.KeyReused)
    if any(argument.key == "If-Match" for argument in operation.arguments):
        yield errors.PreconditionFailed
    yield from operation.declared.raises


def _refusal(status: int, problems: list[type[Problem]]) -> dict[str, Any]:
    codes = " ".join(f"`{problem.code}`: {_first_sentence(problem)}" for problem in problems)
    names = ["X-Request-Id"]
    names += ["RateLimit", "RateLimit-Policy"] if status not in {400, 401, 431} else []
    names += ["Retry-After"] if status in {429, 503} else []
    names += ["WWW-Authenticate"] if status == 401 else []
    return {
        "description": f"{PHRASES.get(status, 'It went wrong.')} {codes}",
        "headers": _headers(*sorted(names)),
        "content": {
            "application/problem+json": {
                "schema": {"$ref": f"{REFERENCE}Problem"},
                "examples": {problem.code: {"value": _example(status, problem)} for problem in problems},
            }
        },
    }


def _example(status: int, problem: type[Problem]) -> dict[str, Any]:
    code = problem.code
    told = {"type": f"/errors/{code}", "title": problem.title(), "status": status, "detail": _first_sentence(problem)}
    example: dict[str, Any] = {**told, "code": code, "request_id": "0b3f1c5d9e7a4286a1c0d2e4f6081a3b"}
    if issubclass(problem, errors.Invalid):
        example["errors"] = [{"pointer": "/name", "detail": "Expected str, got int."}]
    return example


def _first_sentence(problem: type[Problem]) -> str:
    text = " ".join((problem.__doc__ or "").split())
    head, dot, _ = text.partition(". ")
    return head + (dot.strip() or "")


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
