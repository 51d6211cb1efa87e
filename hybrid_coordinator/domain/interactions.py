"""What was done and how it went: interactions and outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hybrid_coordinator.domain.access import OWNER
from hybrid_coordinator.domain.turns import Action


class AgentType(StrEnum):
    """Who did the work."""

    REMOTE = "remote"
    LOCAL = "local"


class OutcomeKind(StrEnum):
    """How an interaction ended."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILURE = "failure"
    UNKNOWN = "unknown"


class OutcomeSource(StrEnum):
    """Who says how an interaction ended: the agent or the user, or what was seen."""

    STATED = "stated"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True)
class NewInteraction:
    """An interaction as it is reported, before the record gives it an id.

    ``latency_ms`` is in milliseconds, ``tokens_used`` counts both directions.
    ``context_ids`` are the items that were shown, best first.

    An observed turn has a ``turn_key``: one that is stored already is not stored again. It has the
    ``actions`` that were taken in it, and ``created_at`` where it was not of just now.
    ``showing_id`` names what `augment` showed for it, where that is known. A turn of a subagent
    names it in ``agent``; one that the user broke off is ``interrupted``. ``user`` is whose it is.
    """

    project: str
    query: str
    response: str
    agent_type: AgentType
    model_used: str
    context_ids: tuple[str, ...] = ()
    tokens_used: int = 0
    latency_ms: int = 0
    session_id: str | None = None
    turn_key: str | None = None
    created_at: datetime | None = None
    actions: tuple[Action, ...] = ()
    showing_id: str | None = None
    agent: str | None = None
    interrupted: bool = False
    user: str = OWNER


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an interaction went; ``feedback`` is -1, 0 or 1, ``evidence`` says what showed it.
    ``confidence`` is in 0-1: how sure that is, 1 for what was stated."""

    kind: OutcomeKind
    feedback: int = 0
    evidence: str | None = None
    source: OutcomeSource = OutcomeSource.STATED
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Interaction:
    """An interaction as the record holds it, with its latest outcome and value if it has one."""

    id: str
    project: str
    query: str
    response: str
    agent_type: AgentType
    model_used: str
    tokens_used: int
    latency_ms: int
    session_id: str | None
    created_at: datetime
    context_provided: int = 0
    outcome: Outcome | None = None
    value_score: float | None = None
    user: str = OWNER


@dataclass(frozen=True, slots=True)
class Exposure:
    """An item that was shown in an interaction, or held back from it, at a 1-based rank.

    ``score`` is the ranking's and ``propensity`` (0-1) the chance that it had to be shown once it
    was chosen; None where the coordinator did not choose it. ``cited`` says that the answer made
    use of it. Whatever was shown and not named as context by whoever did the work is not ``used``.
    """

    item_id: str
    rank: int
    score: float | None = None
    propensity: float | None = None
    withheld: bool = False
    cited: bool = False
    used: bool = True


@dataclass(frozen=True, slots=True)
class ItemStats:
    """How often an item was used and how the interactions that used it went.

    ``success_rate`` is in 0-1 over interactions with a known outcome (a partial counts half),
    None while there is none. ``gained`` and ``lost`` are the successes and failures that are put
    down to it: by whether the answer made use of it and how sure the outcome is, older ones less.
    ``gained_elsewhere`` and ``lost_elsewhere`` are those that other machines told of.
    """

    uses: int = 0
    success_rate: float | None = None
    gained: float = 0.0
    lost: float = 0.0
    gained_elsewhere: float = 0.0
    lost_elsewhere: float = 0.0
