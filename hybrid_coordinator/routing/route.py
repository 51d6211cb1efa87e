"""Where a task should go: the tier for its complexity, if a local model can take it."""

from __future__ import annotations

from hybrid_coordinator.domain.interactions import AgentType
from hybrid_coordinator.domain.route import Complexity, Route, Target, Tier
from hybrid_coordinator.routing.classification.classify import Prompt, classify

TIER_OF = {
    Complexity.SIMPLE: Tier.LOCAL_FAST,
    Complexity.MODERATE: Tier.LOCAL_QUALITY,
    Complexity.COMPLEX: Tier.API_FALLBACK,
}


class Router:
    """Decides from the text alone; calls no model."""

    def route(self, prompt: Prompt, *, local_ready: bool, agent_type: AgentType) -> Route:
        """The route of a prompt, or of a chat's messages.

        ``local_ready`` says that a local model answers at the moment; with True, the tier is by
        the need of the task alone. ``agent_type`` is who asks.
        """
        seen = classify(prompt)
        tier = TIER_OF[seen.complexity]
        target = Target.REMOTE
        if tier is Tier.API_FALLBACK:
            why = "needs the strongest model"
            if agent_type is AgentType.LOCAL:
                why = "looks too hard for a local model"
        elif local_ready:
            target = Target.LOCAL
            why = "a local model can take it"
        else:
            why = f"a local model ({tier}) could take it, but none is ready"
            tier = Tier.API_FALLBACK
        return Route(
            target=target,
            tier=tier,
            task_type=seen.task_type,
            complexity=seen.complexity,
            confidence=seen.confidence,
            score=seen.score,
            reason=f"{seen.complexity} {seen.task_type} ({seen.reason}): {why}",
        )
