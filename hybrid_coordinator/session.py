"""A session: one agent, where it works, who it is, and the project that its calls are about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.domain.access import LOCAL, Identity
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.knowledge.projects import project_of


@dataclass(frozen=True, slots=True)
class Session:
    """One connection: its id, who it is, the project that it names, and what its reader should
    know. Of an agent on this machine also where it works, and the root of the project there; of
    another the address that it comes from (``place``)."""

    id: str
    named: str | None
    directory: Path | None = None
    root: Path | None = None
    notices: tuple[str, ...] = ()
    identity: Identity = LOCAL
    place: str = "this machine"

    @classmethod
    def at(cls, session_id: str, directory: Path, notices: tuple[str, ...] = ()) -> Session:
        """The session of an agent that works in ``directory``."""
        home = project_of(directory)
        return cls(session_id, home.name, directory, home.root, notices)

    @property
    def project(self) -> str:
        """The default of every `project` parameter; see ``project_or``."""
        return self.project_or(None)

    def project_or(self, given: str | None) -> str:
        """``given``, or else the session's own project.

        Raises:
            AccessDeniedError: it is not one of theirs.
            InvalidArgumentError: none is given, and the session names none.
        """
        named = given or self.named or self.identity.project(None)
        if named is None:
            raise InvalidArgumentError(
                "project", "is required: this session names none (header X-Hybrid-Project)"
            )
        return self.identity.own(named)

    def resolve(self, path: str, field: str = "path") -> Path:
        """``path`` as the agent means it: relative to where it works.

        Raises:
            InvalidArgumentError: it is relative, and the agent works on another machine.
        """
        given = Path(path)
        if self.directory is None:
            if not given.is_absolute():
                raise InvalidArgumentError(
                    field, f"{path} must be absolute: a path of the coordinator's machine"
                )
            return given
        try:
            return self.directory / given.expanduser()
        except RuntimeError:  # no such user: as in a shell, the name is an ordinary one
            return self.directory / given
