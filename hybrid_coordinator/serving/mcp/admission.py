"""What a tool call under a token needs, and what the audit says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.domain.access import Deed
from hybrid_coordinator.errors import AccessDeniedError
from hybrid_coordinator.serving.mcp.contract import TOOLS
from hybrid_coordinator.session import Session

_TARGETS = ("interaction_id", "collection", "path", "output_dir")
"""Arguments that say what a call is done to; never what is said in it."""


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
    done = [project, *(arguments.get(each) for each in _TARGETS)]
    deed = Deed(
        f"tool {name}",
        " ".join(str(each) for each in done if each),
        session.place,
        identity.user,
        identity.token_id,
    )
    try:
        identity.require(tool.scope, name)
        if isinstance(project, str):
            identity.own(project)
    except AccessDeniedError as error:
        await coordinator.access.audit.refuse(deed, str(error))
        raise
    await coordinator.access.audit.allow(deed)
