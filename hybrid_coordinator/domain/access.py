"""Who asks, what they may do, and what is on record of that: identities, tokens, the audit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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

    def own(self, project: str) -> str:
        """``project``, which they read or write.

        Raises:
            AccessDeniedError: it is not one of theirs.
        """
        if self.projects is not None and project not in self.projects:
            allowed = ", ".join(sorted(self.projects))
            raise AccessDeniedError(
                f"this token is not for project {project}; it allows: {allowed}"
            )
        return project

    def see_all(self, what: str) -> None:
        """Raise unless they may see every project, which ``what`` is about.

        Raises:
            AccessDeniedError: they may see some.
        """
        if self.projects is not None:
            raise AccessDeniedError(f"{what} concerns every project, and this token is for some")

    def project(self, given: str | None) -> str | None:
        """The project to read: ``given``, or the only one they may see; None for every one.

        Raises:
            AccessDeniedError: it is not one of theirs.
            InvalidArgumentError: none is given, and they may see several.
        """
        if given is not None:
            return self.own(given)
        if self.projects is None:
            return None
        if len(self.projects) == 1:
            return next(iter(self.projects))
        allowed = ", ".join(sorted(self.projects))
        raise InvalidArgumentError("project", f"is required; this token allows: {allowed}")


LOCAL = Identity(OWNER, Scope.ADMIN)
"""The owner of the home, at this machine."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token as it is listed: all but its secret. ``name`` says what it is for; ``projects`` are
    None for every one; ``used_at`` is to the minute."""

    id: str
    name: str
    user: str
    scope: Scope
    projects: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did, or was refused to do: ``target`` is a project, an id or a path, and
    ``place`` the address that it came from. ``user`` is None where it is not known who asked."""

    action: str
    target: str
    place: str
    user: str | None = None
    token_id: str | None = None
    allowed: bool = True
    reason: str = ""


_LONGEST_NAME = 512
"""Of what is named as a target. Whoever takes it refuses a longer one, and no id or path is one."""


def target(*named: object) -> str:
    """What a deed is done to, by what its request names: those that are ids or short texts."""
    texts = (str(each) for each in named if isinstance(each, str) or type(each) is int)
    return " ".join(each for each in texts if 0 < len(each) <= _LONGEST_NAME)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A deed as the audit log has it."""

    id: int
    at: datetime
    deed: Deed
