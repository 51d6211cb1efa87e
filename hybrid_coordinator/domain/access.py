"""Who asks, and what they may do: scopes, identities, and the owner of a home."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hybrid_coordinator.errors import AccessDeniedError, InvalidArgumentError


class Scope(StrEnum):
    """What may be done. Each includes those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: Scope) -> bool:
        """Whether who has this one may do what ``other`` allows."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


OWNER = "local"
"""The user whose home it is. What was recorded before there were users is theirs."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks. ``projects`` are all that they may see and change; None for every one.
    ``token_id`` names the token that they came with; None for the owner at this machine."""

    user: str
    scope: Scope
    projects: frozenset[str] | None = None
    token_id: str | None = None

    def require(self, scope: Scope, what: str) -> None:
        """Raise unless they have ``scope``, which ``what`` needs.

        Raises:
            AccessDeniedError: they do not.
        """
        if not self.scope.includes(scope):
            raise AccessDeniedError(
                f"{what} needs a token of scope {scope}; this one has {self.scope}"
            )

    def project(self, given: str | None) -> str | None:
        """The project to read: ``given``, or the only one they may see; None for every one.

        Raises:
            AccessDeniedError: it is not one of theirs.
            InvalidArgumentError: none is given, and they may see several.
        """
        if self.projects is None or given in self.projects:
            return given
        allowed = ", ".join(sorted(self.projects))
        if given is not None:
            raise AccessDeniedError(f"this token is for other projects; it allows: {allowed}")
        if len(self.projects) == 1:
            return next(iter(self.projects))
        raise InvalidArgumentError("project", f"is required; this token allows: {allowed}")


LOCAL = Identity(OWNER, Scope.ADMIN)
"""The owner of the home, at this machine."""
