"""What PostgreSQL's errors mean: to a caller, and to the transaction they happened in."""

from __future__ import annotations

import asyncio

import asyncpg

from septet.core.database import ConstraintBroken
from septet.core.errors import Conflict, Invalid, Unavailable

# The connection is gone, or in a state that nobody knows.
LOST = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)

# No connection can be made now.
CANNOT_CONNECT = (
    *LOST,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidAuthorizationSpecificationError,  # and a wrong password
    asyncpg.InvalidCatalogNameError,  # no such database
)

# PostgreSQL could not keep transactions apart, and undid this one.
ABORTED = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)

# The tables changed under a prepared statement.
STALE = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)

_BAD_VALUES = (
    asyncpg.NumericValueOutOfRangeError,
    asyncpg.CharacterNotInRepertoireError,
    asyncpg.UntranslatableCharacterError,
)
_OUT_OF_ORDER = (
    asyncpg.InsufficientResourcesError,  # disk full, too many connections
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.PostgresIOError,
    asyncpg.LockNotAvailableError,
)


def explain(error: Exception, name: str) -> Exception:
    """What the failure of the query `name` is to a caller; `error` itself where it is our bug."""
    if isinstance(error, (asyncpg.NotNullViolationError, asyncpg.CheckViolationError)):
        return ConstraintBroken(f"{name}: {error}")
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return Conflict("This contradicts what is stored.")
    if isinstance(error, asyncpg.DataError) and error.__cause__ is not None:
        return _explain_refused_value(error, name)
    if isinstance(error, _BAD_VALUES):
        return Invalid("A value cannot be stored.")
    if isinstance(error, asyncpg.QueryCanceledError):
        return Unavailable("This took the database too long.")
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return RuntimeError(f"{name} writes, in a transaction that only reads")
    if isinstance(error, ABORTED):
        return Unavailable("Too many change this at the same time. Nothing was changed.")
    if isinstance(error, (*LOST, *STALE, *_OUT_OF_ORDER)):
        return Unavailable("The database cannot be read or written now.")
    return error


def _explain_refused_value(error: asyncpg.DataError, name: str) -> Exception:
    """asyncpg could not encode a value: it is too large, no text at all, or of the wrong type, which is our bug."""
    cause = error.__cause__
    if isinstance(cause, UnicodeEncodeError):
        return Invalid("Text holds half of a surrogate pair, which is no character.")
    if isinstance(cause, OverflowError):
        return Invalid("A number is too large to be stored.")
    return TypeError(f"{name}: {error}")
