"""An explanation as people read it: a heading for each question, and below it what is to be said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from septet.cli.explanation import Explanation
from septet.cli.rehearsal import Rehearsed


def in_words(told: Explanation, ran: Rehearsed | None) -> str:
    """The whole of it; what does not apply is left out."""
    sections = [
        [f"{told.name}, of {told.system}", *_indented(told.doc.splitlines())],
        _section("Called by", _doors(told)),
        _section("Asks for", _asks_for(told)),
        _section("Runs in", [told.transaction]),
        _section("Kept in the cache", [told.cache] if told.cache else []),
        _section("Drops from the cache", told.invalidates),
        _section("Decided by", [f"{one.name}: {one.meaning}" for one in told.policies]),
        _section("May refuse", [f"{one.status} {one.code}: {one.meaning}" for one in told.problems]),
        _section("Announces", [f"{one.event}, to {_listed(one.listeners)}" for one in told.events]),
        _section("Stores for later", told.tasks),
        _section(f"Queries, with their plans on {told.database}", _queries(told)),
        _section("Ran, and was undone", _ran(ran)) if ran is not None else [],
        [told.note, f"Source: {told.defined_at}"],
    ]
    return "\n\n".join("\n".join(section) for section in sections if section)


def _section(title: str, lines: Iterable[str]) -> list[str]:
    found = list(_indented(lines))
    return [f"{title}:", *found] if found else []


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}".rstrip() for line in lines)


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "nobody yet"


def _doors(told: Explanation) -> Iterator[str]:
    yield f"REST          {told.doors.rest}"
    yield f"GraphQL       {told.doors.graphql}"
    yield f"MCP           {told.doors.mcp or 'not offered to agents'}"
    yield f"command line  {told.doors.command_line}"


def _asks_for(told: Explanation) -> Iterator[str]:
    yield f"scope: {told.scope}" if told.scope else "no scope: anybody may call it"
    if told.proof:
        yield f"proof: {told.proof}"
    yield from (f"limit: {limit}" for limit in told.limits)
    if told.idempotency_key:
        yield "takes an Idempotency-Key"
    if told.secret:
        yield "holds a secret: nothing of it is logged or stored for a retry"


def _queries(told: Explanation) -> Iterator[str]:
    for query in told.queries:
        yield query.name
        yield from (f"    {line}" for line in query.sql.splitlines())
        yield from (f"    → {step}" for step in query.plan or ["nothing to look for"])


def _ran(ran: Rehearsed) -> Iterator[str]:
    yield f"{ran.ms:.2f} ms: {f'{ran.problem}: {ran.detail}' if ran.problem else 'it would have succeeded'}"
    yield from (f"{asked.ms:8.3f} ms  {asked.query}" for asked in ran.queries)
    yield from (f"would store the task {task}" for task in ran.tasks)
