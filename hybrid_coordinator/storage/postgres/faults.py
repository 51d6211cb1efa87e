"""The one place where what asyncpg raises becomes this package's errors."""

from __future__ import annotations

import asyncpg
from asyncpg import exceptions as pg

from hybrid_coordinator.errors import (
    DuplicateError,
    HybridError,
    InvalidArgumentError,
    RecordUnavailableError,
    StorageError,
)

DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""Everything that a call of asyncpg may raise, apart from cancellation."""

LOST_CONNECTION = (
    OSError,
    pg.PostgresConnectionError,
    pg.AdminShutdownError,
    pg.CrashShutdownError,
)
"""The server went away, or was never there. (``TimeoutError`` is an ``OSError`` too.)"""

_UNAVAILABLE = (
    *LOST_CONNECTION,
    pg.CannotConnectNowError,
    pg.TooManyConnectionsError,
    pg.IdleInTransactionSessionTimeoutError,
    pg.DatabaseDroppedError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
_REFUSED_LOGIN = (pg.InvalidAuthorizationSpecificationError, pg.InvalidCatalogNameError)
_TIMED_OUT = (TimeoutError, pg.QueryCanceledError, pg.LockNotAvailableError)
_DAMAGED = (pg.DataCorruptedError, pg.IndexCorruptedError)
_NUL = (pg.CharacterNotInRepertoireError, pg.UntranslatableCharacterError)


def translate(error: Exception, place: str, timeout: float) -> HybridError:
    """The error to raise from ``error``. ``place`` names the server, ``timeout`` is in seconds."""
    if isinstance(error, _TIMED_OUT):
        return RecordUnavailableError(
            f"{place} did not answer within {timeout:g} s; "
            "try again, or look whether it is overloaded or cut off"
        )
    if isinstance(error, _REFUSED_LOGIN):
        return RecordUnavailableError(
            f"{place} refused the login: {error}; "
            "check the user, password and database name in DATABASE_URL"
        )
    if isinstance(error, pg.DataError | pg.CheckViolationError):
        return _bad_value(error)
    if isinstance(error, pg.DiskFullError):
        return StorageError(
            f"{place} has no disk space left ({error}); free some and try again: "
            "nothing of this call was stored"
        )
    if isinstance(error, _DAMAGED):
        return StorageError(f"{place} has damaged files ({error}); restore them from a backup")
    if isinstance(error, _UNAVAILABLE):
        return RecordUnavailableError(
            f"{place} does not answer ({_describe(error)}); "
            "start it or correct DATABASE_URL, the next call connects again"
        )
    refused = DuplicateError if isinstance(error, pg.UniqueViolationError) else StorageError
    return refused(f"{place} refused a statement: {_describe(error)}")


def _bad_value(error: Exception) -> InvalidArgumentError:
    if isinstance(error, _NUL):
        return InvalidArgumentError("text", "holds a NUL character, which cannot be stored")
    if isinstance(error, pg.CheckViolationError):
        field = str(error.column_name or error.constraint_name)
        return InvalidArgumentError(field, f"outside of what the record allows ({error})")
    return InvalidArgumentError("value", f"cannot be stored: {error}")


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
