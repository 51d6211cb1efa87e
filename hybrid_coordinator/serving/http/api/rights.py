"""What an action may ask of its caller beyond the scope of its route."""

from __future__ import annotations

from hybrid_coordinator.errors import AccessDeniedError
from hybrid_coordinator.serving.http.requests import Asked


def see_all(asked: Asked, what: str) -> None:
    """Raise unless the caller may see every project, which ``what`` is about.

    Raises:
        AccessDeniedError: the token is for some.
    """
    if asked.identity.projects is not None:
        raise AccessDeniedError(f"{what} concerns every project, and this token is for some")
