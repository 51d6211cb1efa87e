"""How a request is refused: a status, and an error that names the field and the next step."""

from __future__ import annotations

import math

from starlette.responses import JSONResponse

from hybrid_coordinator.errors import (
    AccessDeniedError,
    HybridError,
    InvalidArgumentError,
    NotAuthenticatedError,
    NotFoundError,
    StorageError,
    TooManyRequestsError,
    UnavailableError,
)

_STATUS: tuple[tuple[type[HybridError], int], ...] = (
    (InvalidArgumentError, 400),
    (NotAuthenticatedError, 401),
    (TooManyRequestsError, 429),
    (AccessDeniedError, 403),
    (NotFoundError, 404),
    (UnavailableError, 503),
    (StorageError, 503),
    (HybridError, 409),
)
"""The first that fits. What is left of them are states in which it cannot be done."""


class RefusedError(HybridError):
    """A request that is refused with a status of its own. ``close``: the connection ends with it,
    since the rest of the request is not read."""

    def __init__(self, status: int, message: str, *, close: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.close = close


def refused(error: HybridError) -> JSONResponse:
    """What answers a request that raised ``error``."""
    if isinstance(error, RefusedError):
        closing = {"connection": "close"} if error.close else None
        return refusal(error.status, str(error), None, closing)
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    headers = {}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if error.retry_after is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after))
    if isinstance(error, InvalidArgumentError):
        return refusal(status, error.problem, error.field, headers)
    return refusal(status, str(error), None, headers)


def refusal(
    status: int, message: str, field: str | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """An error as every route answers it."""
    error = {"message": message, "field": field}
    return JSONResponse({"error": error}, status, {"cache-control": "no-store"} | (headers or {}))
