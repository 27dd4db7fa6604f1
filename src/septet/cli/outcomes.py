"""How a call came out, told to whoever made it: the reply on standard output, a problem on standard error.

A person at a terminal reads text; a program gets the JSON that REST gives, and an exit code for each kind of problem.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import click
import msgspec
from msgspec import Struct

from septet.cli.common import FAILED
from septet.core import errors
from septet.core.errors import Problem, TooMany
from septet.core.limits import Standing
from septet.doors.limits import limit_headers
from septet.doors.problems import body_of, status_of
from septet.engines.mail.letter import printable

EXIT_CODES: dict[type[Problem], int] = {
    errors.Unauthenticated: 3,
    errors.Forbidden: 4,
    errors.NotFound: 5,
    errors.Conflict: 6,
    errors.PreconditionFailed: 6,
    errors.Invalid: 7,
    errors.Malformed: 7,
    errors.TooMany: 8,
    errors.Unavailable: 9,
    Problem: FAILED,
}


class Outcome(Struct, frozen=True):
    """Either `problem` or a value. `standings` is what limits left; `replayed`: an earlier call's reply was stored."""

    value: Any = None
    problem: Problem | None = None
    standings: Sequence[Standing] = ()
    replayed: bool = False
    request_id: str = ""


def exit_code_of(problem: type[Problem]) -> int:
    """The exit code of a problem, or of the nearest of its bases that has one."""
    return next(EXIT_CODES[base] for base in problem.__mro__ if base in EXIT_CODES)


def tell(outcome: Outcome, *, verbose: bool) -> int:
    """Print an outcome, with `verbose` also what REST says in headers. Gives the exit code."""
    if verbose:
        for name, value in _headers(outcome):
            click.echo(f"{name}: {value}", err=True)
    if outcome.problem is not None:
        click.echo(_problem_in_words(outcome.problem) if sys.stderr.isatty() else _problem_json(outcome), err=True)
        return exit_code_of(type(outcome.problem))
    if outcome.value is not None:
        tell_json(outcome.value)
    return 0


def tell_json(value: Any) -> None:
    """Print JSON: laid out for a person, on one line for a program."""
    encoded = msgspec.json.encode(value)
    click.echo(printable(msgspec.json.format(encoded).decode()) if sys.stdout.isatty() else encoded)


def _headers(outcome: Outcome) -> list[tuple[str, str]]:
    names = {"ratelimit-policy": "RateLimit-Policy", "ratelimit": "RateLimit"}
    told = [(names[name.decode()], value.decode()) for name, value in limit_headers(outcome.standings)]
    if outcome.replayed:
        told.append(("Idempotent-Replayed", "true"))
    if isinstance(outcome.problem, TooMany):
        told.append(("Retry-After", str(max(1, math.ceil(outcome.problem.retry_after)))))
    return told


def _problem_json(outcome: Outcome) -> bytes:
    assert outcome.problem is not None
    return body_of(outcome.problem, status_of(type(outcome.problem)), outcome.request_id)


def _problem_in_words(problem: Problem) -> str:
    lines = [f"septet: {problem.title()} ({problem.code}): {problem.detail or problem.title() + '.'}"]
    lines += [f"  {fault.pointer or '/'}: {fault.detail}" for fault in problem.faults]
    return printable("\n".join(lines))
