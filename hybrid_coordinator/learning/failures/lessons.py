"""Learning from failures: entries of `error-solutions`, made from what sessions show. No model."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from hybrid_coordinator.domain.episodes import Episode
from hybrid_coordinator.domain.error_signatures import ErrorSignature
from hybrid_coordinator.domain.ids import knowledge_id
from hybrid_coordinator.domain.interactions import OutcomeKind
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import JsonValue, KnowledgeItem, NewKnowledge, Origin
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import HybridError, RecordUnavailableError
from hybrid_coordinator.learning.failures.pairs import Failure, failures_of
from hybrid_coordinator.learning.failures.wording import (
    caution,
    pitfall,
    proved,
    same_solution,
    setting,
    solution,
)
from hybrid_coordinator.storage.postgres.failures import FailureRecords
from hybrid_coordinator.storage.postgres.jobs import JobRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.waiting import came_within

_BEFORE, _AFTER = 20, 100
"""Interactions of a session that are looked at with one: a failure that was left alone for longer
was not being worked on."""

_MOST_REFUSED = 100
"""Interactions that a pass leaves behind; after so many it is the record that refuses."""

_GATHER_SECONDS = 0.5
"""How long writes may come together before they are looked at: an outcome follows its turn."""
_LOOK_SECONDS = 300.0
"""Another process may write too; it cannot wake this one."""
_FIRST_RETRY_SECONDS = 1.0
_LAST_RETRY_SECONDS = 60.0

_UNSUPPORTED = "nothing that it was learned from stands any more"
_UNSOLVED = "(not solved yet)"
_PRIOR = 1.0
"""Successes and failures that every solution is taken to have had: the mean of its Beta posterior
is 2/3 after one success, and 1/3 after one failure (Laplace's rule of succession)."""

_MOST_PITFALLS = 3
_COLLECTION = CollectionName.ERROR_SOLUTIONS
_log = logging.getLogger(__name__)


class FailureLessons:
    """Looks at interactions for failures, and keeps what solved them.

    Everything follows from the record and is marked only when it is stored, so nothing is lost
    when the process ends anywhere in between, and looking again changes nothing. What an entry
    counts are the interactions that speak for it and against it.
    """

    def __init__(
        self,
        records: FailureRecords,
        knowledge: KnowledgeRecords,
        turns: JobRecords,
        scrubber: Scrubber,
        learned: Callable[[], None],
    ) -> None:
        """``learned`` tells the projection into the index that there is something new."""
        self._records = records
        self._knowledge = knowledge
        self._turns = turns
        self._scrubber = scrubber
        self._learned = learned
        self._woken = asyncio.Event()
        self._one = asyncio.Lock()

    def wake(self) -> None:
        """Say that there may be interactions to look at. Costs nothing."""
        self._woken.set()

    async def run(self) -> None:
        """Look at what nobody has looked at yet, now and whenever woken, until cancelled."""
        pause = _FIRST_RETRY_SECONDS
        while True:
            self._woken.clear()
            complete = await self._attempt()
            pause = _FIRST_RETRY_SECONDS if complete else min(2 * pause, _LAST_RETRY_SECONDS)
            await came_within(_LOOK_SECONDS if complete else pause, self._woken)
            await asyncio.sleep(_GATHER_SECONDS)

    async def _attempt(self) -> bool:
        try:
            await self.catch_up()
        except HybridError as error:
            _log.warning("Failures are looked at later. %s", error)
            return False
        return True

    async def catch_up(self) -> None:
        """Look at every interaction that nobody has looked at as it is now. Those that cannot be
        looked at hold up no others.

        Raises:
            HybridError: the first of what kept it from some.
        """
        refused: dict[str, HybridError] = {}
        while len(refused) < _MOST_REFUSED:
            waiting = await self._records.unexamined(len(refused) + 1)
            one = next((each for each in waiting if each not in refused), None)
            if one is None:
                break
            try:
                await self.learn(one)
            except RecordUnavailableError:
                raise
            except HybridError as error:
                refused[one] = error
        if refused:
            raise next(iter(refused.values()))

    async def learn(self, interaction_id: str) -> list[str]:
        """Look at an interaction, in its session; returns the ids of the entries that it bears on.
        Doing it again changes nothing.

        Raises:
            InvalidArgumentError: ``interaction_id`` is no UUID.
        """
        episodes = await self._records.around(interaction_id, _BEFORE, _AFTER)
        found = await asyncio.to_thread(failures_of, episodes)
        disowned = [episode.id for episode in episodes if episode.disowned]
        touched: set[str] = set()
        if found or disowned:
            # In this process nobody waits for the other processes' turn with a connection in hand.
            async with self._one, self._turns.alone(f"failures of {episodes[0].project}"):
                for interaction in disowned:
                    touched.update(await self._disown(interaction, episodes))
                for failure in found:
                    teaches = await self._teaches(failure, episodes)
                    if teaches:
                        touched.update(await self._keep(failure, episodes))
                    touched.update(await self._judge(failure, episodes))
                    if teaches:
                        touched.update(await self._warn(failure, episodes))
                for entry in touched:
                    await self._weigh(entry, episodes)
                # While no other process can say that these are to be looked at again.
                await self._records.mark_examined(episodes)
        else:
            await self._records.mark_examined(episodes)
        if touched:
            self._learned()
        return sorted(touched)

    async def _teaches(self, failure: Failure, episodes: Sequence[Episode]) -> bool:
        """Whether it is worth an entry. A test that fails until its code is written is how tests
        and code are written: it does if it was met in two sessions, or by a turn that failed."""
        if failure.run is None or not failure.signature.of_a_test:
            return True
        seen = [episodes[place] for place in failure.seen]
        if await self._records.sight(failure.signature.key, seen):
            return True
        stumbled = any(episode.outcome is OutcomeKind.FAILURE for episode in seen)
        return stumbled or bool(await self._entries(failure.signature, episodes[0].project))

    async def _keep(self, failure: Failure, episodes: Sequence[Episode]) -> Iterable[str]:
        """Store what a failure teaches; the ids of the entries that it speaks for."""
        known = await self._entries(failure.signature, episodes[0].project)
        if failure.solved_in is None:
            return await self._keep_caution(failure, episodes, known)
        fixed = episodes[failure.solved_in]
        text = self._scrubber.scrub(solution(failure, fixed.response))
        solutions = [item for item in known if not _is_caution(item)]
        item = await self._same(solutions, text, fixed.id)
        if item is None and fixed.disowned:
            return ()
        if item is None:
            title = self._scrubber.scrub(_title(failure.signature, len(solutions)))
            fields = {
                **self._fields(failure, episodes, verified=proved(failure)),
                **_counts(1, 0, [fixed.created_at]),
            }
            new = NewKnowledge(_COLLECTION, fixed.project, title, text, fields)
            entry, _ = await self._knowledge.store(new, origin=Origin.FAILURE, evidence=[fixed.id])
        else:
            entry = item.id
            await self._knowledge.support(entry, [fixed.id], supports=not fixed.disowned)
        for other in known:
            if _is_caution(other) and not other.deprecated:
                await self._knowledge.deprecate(other.id, f"it was solved: {entry}")
        return (entry,)

    async def _keep_caution(
        self, failure: Failure, episodes: Sequence[Episode], known: Sequence[KnowledgeItem]
    ) -> Iterable[str]:
        """Of a failure that nothing solved, at most what did not help: what was tried before it
        came up again, or, where it was only told, what was done before it ended so."""
        last = episodes[failure.seen[-1]]
        over = failure.run is not None or last.outcome is OutcomeKind.FAILURE
        text = self._scrubber.scrub(caution(failure, last.response))
        solved = any(not _is_caution(item) and not item.deprecated for item in known)
        if not over or not text or solved or last.interrupted:
            return ()
        title = self._scrubber.scrub(f"{failure.signature.title} {_UNSOLVED}")
        met = {episodes[place].id: episodes[place].created_at for place in failure.seen}
        fields = {
            **self._fields(failure, episodes, verified=False),
            **_counts(0, len(met), list(met.values())),
        }
        entry, _ = await self._knowledge.store(
            NewKnowledge(_COLLECTION, last.project, title, text, fields),
            origin=Origin.FAILURE,
            evidence=list(met),
        )
        return (entry,)

    async def _judge(self, failure: Failure, episodes: Sequence[Episode]) -> set[str]:
        """Whether solutions helped that were shown while the error was there: for them if it was
        solved then, against them if it came up again and was not."""
        judged = set()
        for item in await self._entries(failure.signature, episodes[0].project):
            if _is_caution(item):
                continue
            for place, episode in enumerate(episodes[failure.seen[0] :], failure.seen[0]):
                if item.id not in episode.shown:
                    continue
                helped = failure.solved_in is not None and place <= failure.solved_in
                if helped or place <= failure.seen[-1]:
                    await self._knowledge.support(item.id, [episode.id], supports=helped)
                    judged.add(item.id)
        return judged

    async def _warn(self, failure: Failure, episodes: Sequence[Episode]) -> set[str]:
        """Note with the learned patterns that were followed where an error came up that it did,
        and what solved it: the pitfall that they did not speak of."""
        followed = {item for place in failure.seen for item in episodes[place].followed}
        if failure.solved_in is None or not followed:
            return set()
        text = pitfall(failure, episodes[failure.solved_in].response)
        warned = set()
        for item in await self._knowledge.get_many(sorted(followed)):
            learned = item.origin in (Origin.PATTERN, Origin.SKILL) and not item.deprecated
            known = item.fields.get("pitfalls")
            said = [str(each) for each in known] if isinstance(known, list) else []
            if not learned or any(each.startswith(failure.signature.title) for each in said):
                continue
            pitfalls: list[JsonValue] = [*said, self._scrubber.scrub(text)]
            await self._knowledge.change(
                item.id,
                fields={**item.fields, "pitfalls": pitfalls[-_MOST_PITFALLS:]},
                reason="an error came up where it was followed",
            )
            warned.add(item.id)
        return warned

    async def _disown(self, interaction_id: str, episodes: Sequence[Episode]) -> set[str]:
        """Let an interaction that failed after all speak against the solutions that it showed."""
        resting = await self._knowledge.resting_on(interaction_id, Origin.FAILURE)
        solutions = [
            item.id for item in await self._knowledge.get_many(resting) if not _is_caution(item)
        ]
        for entry in solutions:
            await self._knowledge.support(entry, [interaction_id], supports=False)
            await self._weigh(entry, episodes)
        return set(solutions)

    async def _entries(self, signature: ErrorSignature, project: str) -> list[KnowledgeItem]:
        """What is known about an error; what somebody stated is known by its title."""
        titles = [signature.title, signature.said]
        ids = [knowledge_id(_COLLECTION, project, title) for title in titles]
        return await self._records.entries(project, [signature.key], ids)

    async def _same(
        self, solutions: Sequence[KnowledgeItem], text: str, fixed_in: str
    ) -> KnowledgeItem | None:
        """The entry that says the same solution; the one that was learned here before, if any."""
        alike = [item for item in solutions if same_solution(text, item.content)]
        known_from = [
            item
            for item in solutions
            if any(key == fixed_in for key, _ in await self._knowledge.evidence(item.id))
        ]
        both = [item for item in alike if item in known_from]
        return next(iter([*both, *alike, *known_from]), None)

    async def _weigh(self, entry: str, episodes: Sequence[Episode]) -> None:
        """Bring a solution's or caution's counts to what speaks for it and against it."""
        (item,) = await self._knowledge.get_many([entry])
        if item.origin is not Origin.FAILURE:
            return
        evidence = dict(await self._knowledge.evidence(entry))
        speaking = sum(evidence.values())
        if not speaking and not item.deprecated:
            await self._knowledge.deprecate(entry, _UNSUPPORTED)
        elif speaking and item.deprecated and item.reason == _UNSUPPORTED:
            await self._knowledge.restore(entry, "what it was learned from stands again")
        elif item.deprecated:
            return
        if not speaking:
            return
        counts = (0, speaking) if _is_caution(item) else (speaking, len(evidence) - speaking)
        used = [episode.created_at for episode in episodes if episode.id in evidence]
        known = item.fields.get("last_used")
        if isinstance(known, str):
            used.append(datetime.fromisoformat(known))
        fields = {**item.fields, **_counts(*counts, used)}
        if fields != item.fields:
            await self._knowledge.change(entry, fields=fields, reason="its evidence has changed")

    def _fields(
        self, failure: Failure, episodes: Sequence[Episode], *, verified: bool
    ) -> Mapping[str, JsonValue]:
        scrub = self._scrubber.scrub
        return {
            "error_signature": failure.signature.key,
            "error_message": scrub(failure.signature.title),
            "error_type": failure.signature.error_type,
            "context": scrub(setting(failure)),
            "solution_verified": verified,
            "first_seen": episodes[failure.seen[0]].created_at.astimezone(UTC).isoformat(),
        }


def confidence(successes: int, failures: int) -> float:
    """How sure a solution is, in 0-1: the mean of Beta(successes + 1, failures + 1)."""
    return round((successes + _PRIOR) / (successes + failures + 2 * _PRIOR), 4)


def _title(signature: ErrorSignature, known: int) -> str:
    return signature.title if not known else f"{signature.title} (solution {known + 1})"


def _is_caution(item: KnowledgeItem) -> bool:
    return item.origin is Origin.FAILURE and item.title.endswith(_UNSOLVED)


def _counts(successes: int, failures: int, used: Sequence[datetime]) -> dict[str, JsonValue]:
    """What an entry says of how it did, and when it last did."""
    return {
        "success_count": successes,
        "failure_count": failures,
        "confidence_score": confidence(successes, failures),
        "last_used": max(each.astimezone(UTC) for each in used).isoformat(),
    }
