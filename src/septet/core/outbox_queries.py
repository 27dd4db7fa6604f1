"""The outbox's queries: tasks stored, claimed and ended, those of one order, what operators ask, and schedules."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any
from uuid import UUID

from msgspec import Raw, Struct, structs
from sqlalchemy import (
    ColumnElement,
    Integer,
    String,
    bindparam,
    case,
    cast,
    delete,
    exists,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.functions import coalesce, count
from sqlalchemy.sql.functions import min as minimum

from septet.core.columns import Instant, Text
from septet.core.database import Many, many, maybe, one, run
from septet.core.tables import schedules, tasks


class Kept(Struct, frozen=True):
    """That a reply is kept for a retry, as an export shows it. The reply itself shows what is held elsewhere."""

    operation: str
    key: str
    created_at: datetime


NEVER = datetime(9999, 1, 1, tzinfo=timezone.utc)
_waits, _is_dead = tasks.c.died_at.is_(None), tasks.c.died_at.is_not(None)
_state: ColumnElement[str] = case(
    (_waits, literal_column("'waiting'", Text)), else_=literal_column("'dead'", Text)
).label("state")


class Claimed(Struct, frozen=True):
    """A task that this process just took."""

    id: int
    name: str
    version: int
    payload: Raw
    ordered_by: str | None
    attempts: int
    traceparent: str | None


class Listed(Struct, frozen=True):
    """A task as its list shows it: without its payload, which can hold personal data."""

    id: int
    name: str
    state: str
    run_at: datetime
    lease: UUID | None
    attempts: int
    last_error: str | None
    created_at: datetime


class Shown(Struct, frozen=True):
    """All that is known of a task."""

    id: int
    name: str
    version: int
    payload: Raw
    ordered_by: str | None
    state: str
    run_at: datetime
    claim_at: datetime
    lease: UUID | None
    attempts: int
    last_error: str | None
    created_at: datetime


class Found(Struct, frozen=True):
    id: int


class Next(Struct, frozen=True):
    """The oldest task of an order that is not done."""

    id: int
    name: str
    run_at: datetime
    lease: UUID | None
    attempts: int


class Number(Struct, frozen=True):
    count: int


class Counted(Struct, frozen=True):
    """How many tasks of a name are in a state, and when the first of them is or was due, or died."""

    name: str
    state: str
    count: int
    first: datetime


class Schedule(Struct, frozen=True):
    name: str
    next_at: datetime


def _columns(kind: type[Struct]) -> list[ColumnElement[Any]]:
    return [_state if field.name == "state" else tasks.c[field.name] for field in structs.fields(kind)]


insert_task = run(
    insert(tasks)
    .values(
        name=bindparam("name"),
        version=bindparam("version"),
        payload=bindparam("payload"),
        ordered_by=bindparam("ordered_by"),
        run_at=bindparam("run_at"),
        claim_at=bindparam("run_at"),
        attempts=literal_column("0"),
        created_at=bindparam("created_at"),
        traceparent=bindparam("traceparent"),
    )
    .inline()
)

_is_due = (
    tasks.c.claim_at <= bindparam("now"),
    tasks.c.name.in_(bindparam("names", expanding=True)),
)
_older, _held = tasks.alias("older"), tasks.alias("held")
_an_older_one_waits = exists(
    select(_older.c.id).where(
        _older.c.ordered_by == tasks.c.ordered_by, _older.c.died_at.is_(None), _older.c.id < tasks.c.id
    )
)
_another_is_held = exists(
    select(_held.c.id).where(
        _held.c.ordered_by == tasks.c.ordered_by, _held.c.lease.is_not(None), _held.c.id != tasks.c.id
    )
)
_has_its_turn = ~_another_is_held & (tasks.c.lease.is_not(None) | ~_an_older_one_waits)
# One whose lease ran out is claimed as any other; that its worker died or stalled counts as an attempt.
_attempts = tasks.c.attempts + case((tasks.c.lease.is_(None), literal_column("0", Integer)), else_=literal_column("1"))

# Claimed in two steps, for so the database cannot choose to read more than it must. The first locks the rows.
find_claimable_tasks = many(
    select(*(_attempts.label("attempts") if column is tasks.c.attempts else column for column in _columns(Claimed)))
    .where(*_is_due, tasks.c.ordered_by.is_(None) | _has_its_turn)
    .order_by(tasks.c.claim_at, tasks.c.id)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True, of=tasks),
    into=Claimed,
)
hold_tasks = run(
    update(tasks)
    .where(tasks.c.id.in_(bindparam("ids", expanding=True)))
    .values(lease=bindparam("lease"), claim_at=bindparam("until"), attempts=_attempts)
)

find_due_task = maybe(
    select(tasks.c.id).where(*_is_due).order_by(tasks.c.claim_at, tasks.c.id).limit(1),
    into=Found,
)

_still_held = (tasks.c.id == bindparam("task"), tasks.c.lease == bindparam("holder"))
end_task = run(delete(tasks).where(*_still_held))
release_task = run(update(tasks).where(*_still_held).values(lease=None, claim_at=bindparam("claim_at")))
_failed = (
    update(tasks)
    .where(*_still_held)
    .values(lease=None, attempts=bindparam("attempts"), last_error=bindparam("last_error"))
)
postpone_task = run(_failed.values(run_at=bindparam("run_at"), claim_at=bindparam("run_at")))
bury_task = run(_failed.values(died_at=bindparam("died_at"), claim_at=NEVER))

# A task that its own transaction is just ending is locked by it, and needs no longer lease.
_extendable = (
    select(tasks.c.id)
    .where(tasks.c.id.in_(bindparam("ids", expanding=True)), tasks.c.lease == bindparam("holder"))
    .with_for_update(skip_locked=True)
    .cte("extendable")
)
extend_leases = many(
    update(tasks)
    .where(tasks.c.id.in_(select(_extendable.c.id)))
    .values(claim_at=bindparam("until"))
    .returning(tasks.c.id),
    into=Found,
)

# Dead tasks whose payload holds a text, but for those of some names. All dead ones stand at the end of time.
forget_dead_tasks = run(
    delete(tasks).where(
        tasks.c.claim_at == NEVER,
        _is_dead,
        tasks.c.name.not_in(bindparam("but", expanding=True)),
        cast(tasks.c.payload, String).like(bindparam("pattern")),
    )
)

# Those that wait for another of their order: the next is handed over, and the rest set aside, out of claimers' way.
find_next_task = maybe(
    select(*_columns(Next)).where(tasks.c.ordered_by == bindparam("ordered_by"), _waits).order_by(tasks.c.id).limit(1),
    into=Next,
)
claim_next_task = maybe(
    update(tasks)
    .where(tasks.c.id == bindparam("task"), tasks.c.lease.is_(None), tasks.c.attempts == bindparam("seen_attempts"))
    .values(lease=bindparam("holder"), claim_at=bindparam("until"))
    .returning(*_columns(Claimed)),
    into=Claimed,
)
_oldest_of_its_order = (
    select(minimum(_older.c.id))
    .where(_older.c.ordered_by == tasks.c.ordered_by, _older.c.died_at.is_(None))
    .scalar_subquery()
)
_blocked = (
    select(tasks.c.id)
    .where(
        tasks.c.claim_at <= bindparam("now"),
        tasks.c.lease.is_(None),
        tasks.c.id > _oldest_of_its_order,  # never so without an order
    )
    .limit(bindparam("most", type_=Integer))
)
count_blocked_tasks = one(select(count().label("count")).select_from(_blocked.subquery()), into=Number)
_set_aside = _blocked.with_for_update(skip_locked=True, of=tasks).cte("blocked")
set_blocked_tasks_aside = run(
    update(tasks).where(tasks.c.id.in_(select(_set_aside.c.id))).values(claim_at=bindparam("until"))
)


# What an operator asks for. The shape of a list depends on its filters: one query a shape.


def _list(*conditions: ColumnElement[bool]) -> Many[Listed]:
    return many(
        select(*_columns(Listed))
        .where(*conditions, tasks.c.id > bindparam("after"))
        .order_by(tasks.c.id)
        .limit(bindparam("most", type_=Integer)),
        into=Listed,
        scan="operators ask, seldom, and only tasks that are not done are kept",
        sorts="PostgreSQL may choose to, where a filter leaves few",
    )


_is_named = tasks.c.name == bindparam("name")
list_tasks = _list()
list_waiting_tasks = _list(_waits)
list_dead_tasks = _list(_is_dead)
list_tasks_named = _list(_is_named)
list_waiting_tasks_named = _list(_is_named, _waits)
list_dead_tasks_named = _list(_is_named, _is_dead)

show_task = maybe(select(*_columns(Shown)).where(tasks.c.id == bindparam("task")), into=Shown)
count_tasks = many(
    select(
        tasks.c.name, _state, count().label("count"), minimum(coalesce(tasks.c.died_at, tasks.c.run_at)).label("first")
    ).group_by(tasks.c.name, _state),
    into=Counted,
    scan="it counts all tasks, and only those that are not done are kept",
)
_oldest = (
    select(tasks.c.name, tasks.c.died_at, tasks.c.run_at)
    .order_by(tasks.c.id)
    .limit(bindparam("most", type_=Integer))
    .subquery()
)
_state_of_oldest: ColumnElement[str] = case(
    (_oldest.c.died_at.is_(None), literal_column("'waiting'", Text)), else_=literal_column("'dead'", Text)
).label("state")
count_oldest_tasks = many(
    select(
        _oldest.c.name,
        _state_of_oldest,
        count().label("count"),
        minimum(coalesce(_oldest.c.died_at, _oldest.c.run_at)).label("first"),
    ).group_by(_oldest.c.name, _state_of_oldest),
    into=Counted,
    scan="it ends after so many of the oldest tasks",
)
_is_asked_for_and_free = (
    tasks.c.id == bindparam("task"),
    tasks.c.lease.is_(None) | (tasks.c.claim_at <= bindparam("now")),
)
_revive = update(tasks).values(
    died_at=None,
    attempts=literal_column("0"),
    lease=None,
    run_at=bindparam("now"),
    claim_at=bindparam("now"),
)
revive_task = run(_revive.where(*_is_asked_for_and_free))
revive_dead_tasks = run(_revive.where(_is_dead, tasks.c.id > bindparam("after")))
cancel_task = run(delete(tasks).where(*_is_asked_for_and_free))


# Schedules.

list_schedules = many(
    select(schedules.c.name, schedules.c.next_at).where(schedules.c.name.in_(bindparam("names", expanding=True))),
    into=Schedule,
)
plan_schedule = run(
    insert(schedules)
    .values(name=bindparam("name"), next_at=bindparam("next_at"))
    .on_conflict_do_update(
        index_elements=["name"],
        set_={"next_at": bindparam("next_at", type_=Instant)},
        where=schedules.c.next_at > bindparam("next_at", type_=Instant),
    )
)
# Whoever moves it from the moment that they saw fires it; others find that it moved.
move_schedule = run(
    update(schedules)
    .where(schedules.c.name == bindparam("schedule"), schedules.c.next_at == bindparam("seen"))
    .values(next_at=bindparam("next_at"))
)
