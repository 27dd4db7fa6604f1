"""The floor's own tables: tasks, when schedules fire, replies kept for retries, records, and shared limits."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    text,
)

from septet.core.columns import Id, Instant, Json, Text

metadata = MetaData()


def _index_where(condition: str, name: str, *columns: str, unique: bool = False) -> Index:
    """An index of only the rows that meet `condition`, on both databases."""
    where = text(condition)
    return Index(name, *columns, unique=unique, postgresql_where=where, sqlite_where=where)


tasks = Table(
    "core_task",
    metadata,
    # The database numbers tasks, not a clock: those of one aggregate are numbered in the order of their transactions,
    # whichever machine they ran on.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),  # of the payload
    Column("payload", Json, nullable=False),
    Column("ordered_by", Text),  # tasks with the same value run one after another
    Column("run_at", Instant, nullable=False),
    # Claimed no earlier: `run_at`, its lease's end, or a later look; never, if it is dead. That the one condition of
    # the search for due tasks is a range of this column keeps PostgreSQL to its index, whatever it knows of the rows.
    Column("claim_at", Instant, nullable=False),
    Column("lease", Id),  # who holds it
    Column("attempts", Integer, nullable=False),  # that failed, or whose worker died
    Column("last_error", Text),
    Column("died_at", Instant),  # after its last attempt
    Column("created_at", Instant, nullable=False),
    Column("traceparent", Text),  # the trace of the call that stored it (W3C Trace Context)
    Index("core_task_due", "claim_at", "id"),
    _index_where("ordered_by is not null and died_at is null", "core_task_ordered", "ordered_by", "id"),
    # Whatever claimers do at the same moment, two tasks with the same `ordered_by` are never held at once.
    _index_where("ordered_by is not null and lease is not null", "core_task_turn", "ordered_by", unique=True),
    sqlite_autoincrement=True,
)

schedules = Table(
    "core_schedule",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next_at", Instant, nullable=False),
)

idempotency = Table(
    "core_idempotency",
    metadata,
    Column("actor", Text, primary_key=True),
    Column("operation", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),  # of the arguments
    Column("reply", LargeBinary),  # null while a `steps` operation runs
    Column("created_at", Instant, nullable=False),
    Index("core_idempotency_age", "created_at"),
)

records = Table(
    "core_record",
    metadata,
    # Numbered by the database, so that keeping only the newest so many is one deletion up to a number.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),  # of the operation or task
    Column("door", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("slow", Boolean, nullable=False),
    Column("status", Integer),  # of HTTP
    Column("problem", Text),
    Column("ms", Double, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("account_id", Id),
    Column("queries", Json, nullable=False),
    Index("core_record_kind", "kind", "id"),
    _index_where("outcome = 'failed'", "core_record_failed", "id"),
    _index_where("outcome = 'failed'", "core_record_failed_kind", "kind", "id"),
    _index_where("account_id is not null", "core_record_account", "account_id"),
    sqlite_autoincrement=True,
)

limits = Table(
    "core_limit",
    metadata,
    Column("name", LargeBinary, primary_key=True),  # a keyed hash of what is limited, and for whom
    # Microseconds since 1970, as the arithmetic on it is the same on both databases.
    Column("arrival", BigInteger, nullable=False),
    Column("near_at", BigInteger),  # when much of the limit was last found used up
    _index_where("near_at is not null", "core_limit_near", "near_at"),
)
