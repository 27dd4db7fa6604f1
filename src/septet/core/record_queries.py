"""The queries of records, and what a record shows."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import structs
from sqlalchemy import BigInteger, ColumnElement, bindparam, delete, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert

from septet.core.columns import Text
from septet.core.database import many, run
from septet.core.paging import Keyset, keyset
from septet.core.tables import records
from septet.core.types import AccountId, Count, Instant, Output


class Kind(StrEnum):
    """What left a record."""

    REQUEST = "request"
    TASK = "task"


class Outcome(StrEnum):
    """How it ended: done, refused to the caller, or failed through the server's fault."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class RecordedQuery(Output):
    """All that one call asked by one query, by its name: no value that it was asked with is kept."""

    name: str
    count: Count
    ms: float


class Record(Output):
    """What is remembered of a call or a task: how it went, and nothing of what it was about."""

    id: Count
    kind: Kind
    name: str
    door: str
    outcome: Outcome
    slow: bool
    status: Count | None
    problem: str | None
    ms: float
    started_at: Instant
    trace_id: str
    account_id: AccountId | None
    queries: list[RecordedQuery]


_columns = [records.c[field.name] for field in structs.fields(Record)]
_of_kind = records.c.kind == bindparam("kind")
_failed = records.c.outcome == literal_column("'failed'", Text)
_of_account = records.c.account_id == bindparam("account_id")


def _list(*conditions: ColumnElement[Any], scan: str = "") -> Keyset[Record]:
    listed = select(*_columns).where(*conditions)
    return keyset(listed, by=(records.c.id,), newest_first=True, into=Record, scan=scan)


# The shape of the list depends on its filters: one query a shape.
list_all = _list(scan="along the table's own order, and no further than the page")
list_kind = _list(_of_kind)
list_failed = _list(_failed)
list_failed_kind = _list(_failed, _of_kind)

insert_record = run(
    insert(records).values({column.key: bindparam(column.key) for column in records.c if column.key != "id"}).inline()
)
_newest = select(func.max(records.c.id)).scalar_subquery()
forget_older_records = run(delete(records).where(records.c.id <= _newest - bindparam("most", type_=BigInteger)))

records_of_account = many(select(*_columns).where(_of_account).order_by(records.c.id), into=Record)
forget_records_of_account = run(delete(records).where(_of_account))
