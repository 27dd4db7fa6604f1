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
from septet.cli.local_calls import Said, Terminals
from septet.core import errors
from septet.core.errors import Problem, TooMany
from septet.core.limits import Standing
from septet.core.terminal import printable
from septet.doors.limits import limit_headers
from septet.doors.problems import body_of, status_of

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
    terminals = Terminals(sys.stdout.isatty(), sys.stderr.isatty())
    said = in_words(outcome, terminals, verbose=verbose)
    if said.stderr:
        click.echo(said.stderr if terminals.stderr else said.stderr.encode(), err=True, nl=False)
    if said.stdout:
        click.echo(said.stdout if terminals.stdout else said.stdout.encode(), nl=False)
    return said.exit_code


def in_words(outcome: Outcome, terminals: Terminals, *, verbose: bool) -> Said:
    """What `tell` prints, for whoever reads it."""
    headers = "".join(f"{name}: {value}\n" for name, value in _headers(outcome)) if verbose else ""
    problem = outcome.problem
    if problem is not None:
        told = _problem_in_words(problem) if terminals.stderr else _problem_json(outcome).decode()
        return Said(stderr=f"{headers}{told}\n", exit_code=exit_code_of(type(problem)))
    value = "" if outcome.value is None else f"{_json(outcome.value, for_people=terminals.stdout)}\n"
    return Said(stdout=value, stderr=headers)


def tell_json(value: Any) -> None:
    """Print JSON: laid out for a person, on one line for a program."""
    for_people = sys.stdout.isatty()
    told = _json(value, for_people=for_people)
    click.echo(told if for_people else told.encode())


def _json(value: Any, *, for_people: bool) -> str:
    encoded = msgspec.json.encode(value)
    return printable(msgspec.json.format(encoded).decode()) if for_people else encoded.decode()


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
