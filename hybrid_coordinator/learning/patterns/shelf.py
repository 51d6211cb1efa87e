"""The patterns in `skills-patterns`: merged where they are the same, weighed by their evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from hybrid_coordinator.domain.interactions import Interaction
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import JsonValue, KnowledgeItem, NewKnowledge, Origin
from hybrid_coordinator.learning.patterns.pattern import Pattern
from hybrid_coordinator.learning.patterns.sameness import Gist, same_as
from hybrid_coordinator.routing.caching import Embed
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.jobs import JobRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords

_LONGEST_TITLE = 140
_EXAMPLES = 5
_LONGEST_EXAMPLE = 200
_SKILLS = 12
_UNSUPPORTED = "nothing that it was learned from stands any more"


class PatternShelf:
    """Keeps patterns of a project. Whoever changes them takes turns, in every process."""

    def __init__(
        self,
        knowledge: KnowledgeRecords,
        interactions: InteractionRecords,
        turns: JobRecords,
        embed: Embed,
        high_value: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        """``high_value`` is the value from which an interaction speaks for what was learned from
        it; ``wake`` tells the projection that there is something new."""
        self._knowledge = knowledge
        self._interactions = interactions
        self._turns = turns
        self._embed = embed
        self._high_value = high_value
        self._wake = wake

    def worth(self, one: Interaction) -> bool:
        """Whether an interaction is worth learning from, as its outcome is now."""
        return one.value_score is not None and one.value_score >= self._high_value()

    async def known_from(self, interaction_id: str) -> bool:
        """Whether a pattern rests on this interaction already."""
        return bool(await self._knowledge.resting_on(interaction_id, Origin.PATTERN))

    async def keep(self, pattern: Pattern, interaction: Interaction) -> str:
        """Store a pattern that was read out of an interaction, or count it for the one that says
        the same; returns the entry's id. Doing it again changes nothing."""
        async with self._turns.alone(_turn(interaction.project)):
            known = await self._knowledge.learned(
                CollectionName.SKILLS_PATTERNS, interaction.project, Origin.PATTERN
            )
            gist = Gist(pattern.problem_type, pattern.solution_approach)
            found = await same_as(gist, [_gist(item) for item in known], self._embed)
            if found is None:
                new = _entry(pattern, interaction.project)
            else:
                new = _joined(known[found], pattern)
            entry, _ = await self._knowledge.store(
                new, origin=Origin.PATTERN, evidence=[interaction.id]
            )
            await self._weigh(entry)
        self._wake()
        return entry

    async def weigh(self, interaction_id: str, project: str) -> None:
        """Count anew what rests on an interaction whose outcome has changed."""
        async with self._turns.alone(_turn(project)):
            for entry in await self._knowledge.resting_on(interaction_id, Origin.PATTERN):
                await self._weigh(entry)
        self._wake()

    async def _weigh(self, entry: str) -> None:
        """Bring an entry's evidence, and what follows from it, to how its interactions stand."""
        (item,) = await self._knowledge.get_many([entry])
        standing = await self._knowledge.evidence_standing(entry, self._high_value(), _EXAMPLES)
        for turned, speaks in ((standing.turned_for, True), (standing.turned_against, False)):
            if turned:
                await self._knowledge.support(entry, turned, supports=speaks)
        if item.origin is not Origin.PATTERN:
            return
        if standing.mean_value is None:
            if not item.deprecated:
                await self._knowledge.deprecate(entry, _UNSUPPORTED)
            return
        if item.deprecated and item.reason == _UNSUPPORTED:
            await self._knowledge.restore(entry, "what it was learned from stands again")
        elif item.deprecated:
            return
        fields: dict[str, JsonValue] = {
            **item.fields,
            "success_examples": await self._examples(standing.latest_for),
            "failure_examples": await self._examples(standing.latest_failures),
            "value_score": round(standing.mean_value, 4),
        }
        if fields != item.fields:
            fields["last_updated"] = datetime.now(tz=UTC).isoformat()
            await self._knowledge.change(entry, fields=fields, reason="its evidence has changed")

    async def _examples(self, ids: Sequence[str]) -> list[JsonValue]:
        """The tasks of these interactions."""
        found = await self._interactions.get_many(ids)
        return [_cut(interaction.query, _LONGEST_EXAMPLE) for interaction in found]


def _turn(project: str) -> str:
    return f"patterns of {project}"


def _gist(item: KnowledgeItem) -> Gist:
    return Gist(
        str(item.fields.get("problem_type", item.title)),
        str(item.fields.get("solution_approach", item.content)),
    )


def _entry(pattern: Pattern, project: str) -> NewKnowledge:
    title = f"{pattern.problem_type.rstrip('.:')}: {pattern.solution_approach}"
    # The approach is a field, which is shown below the content.
    content = f"{pattern.generalisable_pattern}\n\nNot where: {pattern.when_not_to_use}"
    fields: dict[str, JsonValue] = {
        "usage_pattern": pattern.when_to_use,
        "problem_type": pattern.problem_type,
        "solution_approach": pattern.solution_approach,
        "related_skills": list(pattern.skills_used),
    }
    return NewKnowledge(
        CollectionName.SKILLS_PATTERNS, project, _cut(title, _LONGEST_TITLE), content, fields
    )


def _joined(item: KnowledgeItem, pattern: Pattern) -> NewKnowledge:
    """What an entry becomes by one more that says the same: its words stay, so that no number of
    rewritings wears them away."""
    skills = item.fields.get("related_skills")
    named = [str(each) for each in skills] if isinstance(skills, list) else []
    known = {each.casefold() for each in named}
    named += [each for each in pattern.skills_used if each.casefold() not in known]
    fields: dict[str, JsonValue] = {"related_skills": list(named[:_SKILLS])}
    return NewKnowledge(item.collection, item.project, item.title, item.content, fields)


def _cut(text: str, longest: int) -> str:
    """The beginning of a text on one line, with whole words."""
    line = " ".join(text.split())
    if len(line) <= longest:
        return line
    return f"{line[: longest - 1].rsplit(' ', 1)[0].rstrip(',;:')}…"
