"""What a tool call under a token needs, and what the audit says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.domain.access import Deed, target
from hybrid_coordinator.errors import AccessDeniedError
from hybrid_coordinator.serving.mcp.contract import TOOLS
from hybrid_coordinator.session import Session

_TARGETS = ("interaction_id", "collection", "path", "output_dir")
"""Arguments that say what a call is done to; never what is said in it."""
_OF_EVERY_PROJECT = frozenset({"generate_training_data"})


async def admit(
    coordinator: Coordinator, session: Session, name: str, arguments: Mapping[str, Any]
) -> None:
    """Return if the session may call this tool, and the audit says that it does. Whoever comes
    without a token owns the home, and is not written down.

    Raises:
        AccessDeniedError: it may not.
        HybridError: it cannot be written down.
    """
    identity = session.identity
    if identity.token_id is None:
        return
    tool = TOOLS[name]
    project = arguments.get("project") or session.named
    if project is None and identity.projects is not None and len(identity.projects) == 1:
        (project,) = identity.projects
    deed = Deed(
        f"tool {name}",
        target(project, *(arguments.get(each) for each in _TARGETS)),
        session.place,
        identity.user,
        identity.token_id,
    )
    try:
        identity.require(tool.scope, name)
        if name in _OF_EVERY_PROJECT:
            identity.see_all(name)
        if isinstance(project, str):
            identity.own(project)
    except AccessDeniedError as error:
        await coordinator.access.audit.refuse(deed, str(error))
        raise
    await coordinator.access.audit.allow(deed)
