"""What a system says to its database: named queries, and the transaction that runs them.

A system's `queries.py` holds module-level queries, each written once with SQLAlchemy Core:

    insert_post = one(insert(posts).values(…).returning(…), into=Post)

An engine compiles each of them once. `await ctx.tx.one(insert_post, id=…)` is typed as a `Post`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import Enum
from types import ModuleType
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy.sql import Executable

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Query:
    """A statement and its name, which is set from where it was found: `identity.queries.find_account`.

    A test refuses a query that reads a whole table, or that sorts more than it gives. One that must says why in
    `scan` or `sorts`.
    """

    def __init__(self, statement: Executable, into: type[Any] | None, *, scan: str = "", sorts: str = "") -> None:
        self.statement = statement
        self.into = into
        self.scan = scan
        self.sorts = sorts
        self.name = "unnamed"

    def __repr__(self) -> str:
        return f"<query {self.name}>"


class Group:
    """Queries that belong together, such as those of one list."""

    def parts(self) -> dict[str, Query]:
        raise NotImplementedError


class One(Query, Generic[T_co]):
    """Gives exactly one row."""


class Maybe(Query, Generic[T_co]):
    """Gives one row or none."""


class Many(Query, Generic[T_co]):
    """Gives a list of rows, fetched to the end."""


class Run(Query):
    """Gives the number of rows it changed."""


def one(statement: Executable, *, into: type[T], scan: str = "", sorts: str = "") -> One[T]:
    return One(statement, into, scan=scan, sorts=sorts)


def maybe(statement: Executable, *, into: type[T], scan: str = "", sorts: str = "") -> Maybe[T]:
    return Maybe(statement, into, scan=scan, sorts=sorts)


def many(statement: Executable, *, into: type[T], scan: str = "", sorts: str = "") -> Many[T]:
    return Many(statement, into, scan=scan, sorts=sorts)


def run(statement: Executable, *, scan: str = "", sorts: str = "") -> Run:
    return Run(statement, None, scan=scan, sorts=sorts)


def name_queries(module: ModuleType) -> list[Query]:
    """The queries of a module, each told its name."""
    found = []
    for attribute, value in vars(module).items():
        queries = {"": value} if isinstance(value, Query) else value.parts() if isinstance(value, Group) else {}
        for part, query in queries.items():
            query.name = ".".join(filter(None, (module.__name__.removeprefix("septet."), attribute, part)))
            found.append(query)
    return found


class Isolation(Enum):
    """How a writing transaction is kept from others on PostgreSQL. SQLite's writers take turns anyway."""

    SERIALIZABLE = "serializable"
    READ_COMMITTED = "read committed"


class ConstraintBroken(Exception):
    """A NOT NULL or CHECK of the tables was broken: a bug of the operation that let it come so far."""


class Transaction(Protocol):
    """Runs queries. Raises Unavailable when the database cannot be reached or cannot say what happened.

    A unique or foreign key that is broken is a Conflict, a value that no column can hold is Invalid. A writing
    transaction in which a statement failed is rolled back, even if the exception was caught.
    """

    async def one(self, query: One[T], /, **values: Any) -> T:
        """The row. Raises LookupError if there is none."""
        ...

    async def maybe(self, query: Maybe[T], /, **values: Any) -> T | None: ...

    async def all(self, query: Many[T], /, **values: Any) -> list[T]: ...

    async def run(self, query: Run, /, **values: Any) -> int: ...

    async def run_many(self, query: Run, rows: Iterable[dict[str, Any]], /) -> None:
        """The same query once for each of `rows`."""
        ...

    async def try_lock(self, name: str) -> bool:
        """Hold `name` until this transaction ends; False if another transaction holds it."""
        ...


class Database(Protocol):
    """An engine: SQLite or PostgreSQL."""

    dialect: str  # "sqlite" or "postgresql"

    def compile(self, queries: Iterable[Query]) -> None:
        """Compile `queries` now, so that a broken one fails at start and not in a request."""
        ...

    async def start(self) -> None:
        """Open files or connections. Called once, in the process and the event loop that will use them."""
        ...

    async def read(self, work: Callable[[Transaction], Awaitable[T]], *, snapshot: bool = False) -> T:
        """Run `work` with a transaction that cannot write; with `snapshot`, all its queries see one moment.

        `work` may be run again from its start.
        """
        ...

    async def write(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        *,
        isolation: Isolation = Isolation.SERIALIZABLE,
        name: str = "",
    ) -> T:
        """Run `work` in one transaction and return once it is durable. `work` may be run again from its start.

        `work` awaits nothing but its transaction. Transactions of one `name` that keep undoing each other take
        turns. Raises Unavailable if the outcome is unknown.
        """
        ...

    async def ready(self) -> bool:
        """Whether the database answers, and its last commit succeeded."""
        ...

    def gauges(self) -> Mapping[str, int]:
        """What is going on in it now, for the metrics: how many of each kind of thing."""
        ...

    async def close(self) -> None: ...
