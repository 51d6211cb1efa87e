"""Recording what was done. No model is called on this path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hybrid_coordinator.domain.citations import Citable, cited
from hybrid_coordinator.domain.clipping import clipped
from hybrid_coordinator.domain.injected import without_injected
from hybrid_coordinator.domain.interactions import Exposure, NewInteraction
from hybrid_coordinator.domain.reply import AttemptLog
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.domain.showings import Showing
from hybrid_coordinator.domain.turns import tracked_by_agent
from hybrid_coordinator.storage.postgres.ids import parse_ids
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.showings import Showings

_QUICK_CHARACTERS = 8_000
"""What an answer of this many characters cites is told in some 0.2 ms, so no thread is asked to."""


class TurnReport(StrEnum):
    """What a report of a turn was to the record: a new turn, more of one, nothing more, or a copy
    of a turn that another session has."""

    NEW = "new"
    COMPLETED = "completed"
    KNOWN = "known"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class TrackedTurn:
    """The id of the turn's interaction, None for a copy."""

    id: str | None
    report: TurnReport


class Tracker:
    """Writes interactions to the record, without the secrets that stood in them, and without the
    context that was put into their prompts: that is known already."""

    def __init__(
        self,
        records: InteractionRecords,
        showings: Showings,
        wake: Callable[[], None],
        scrubber: Scrubber,
    ) -> None:
        """``wake`` tells the projection into the index that there is something new."""
        self._records = records
        self._showings = showings
        self._wake = wake
        self._scrubber = scrubber

    async def track(
        self, new: NewInteraction, tried: AttemptLog | None = None, connection: str | None = None
    ) -> str:
        """Record an interaction; returns its id once it is durable.

        What was shown for it is that of its ``showing_id``, or else the showing that its context
        ids were most likely taken from, first of all one to its session or its ``connection``.

        Raises:
            InvalidArgumentError: a context id is no UUID.
        """
        clean, exposures = await self._seen(new, connection)
        interaction_id = await self._records.add(clean, tried, exposures)
        self._wake()
        return interaction_id

    async def track_turn(self, new: NewInteraction) -> TrackedTurn:
        """Record an observed turn, or what this report of it has more than the stored one."""
        clean, exposures = await self._seen(new, None)
        clean = _clipped(clean)
        assert clean.turn_key is not None
        known = (await self._records.known_turns([clean.turn_key])).get(clean.turn_key)
        if known is None:
            tracked = tracked_by_agent(clean.actions)
            if tracked and await self._records.adopt(tracked, clean, exposures or ()):
                self._wake()
                return TrackedTurn(tracked, TurnReport.COMPLETED)
            if await self._records.same_elsewhere(clean, tracked):
                return TrackedTurn(None, TurnReport.COPY)
            added = await self._records.add_if_new(clean, exposures=exposures)
            if added is not None:
                self._wake()
                return TrackedTurn(added, TurnReport.NEW)
            # Someone else has just reported it.
            known = (await self._records.known_turns([clean.turn_key])).get(clean.turn_key)
        made_use_of = [each.item_id for each in exposures or () if each.cited]
        if not await self._records.complete(clean, made_use_of):
            return TrackedTurn(known, TurnReport.KNOWN)
        self._wake()
        return TrackedTurn(known, TurnReport.COMPLETED)

    async def continue_turn(self, new: NewInteraction) -> TrackedTurn | None:
        """Add what was done when a session was only told to go on to the turn before, once however
        often it is reported. None if the record has no turn before it."""
        clean = _clipped(await asyncio.to_thread(self._scrubbed, new))
        assert clean.session_id is not None
        assert clean.created_at is not None
        before = [
            each
            for each in await self._records.session_turns(
                clean.project, clean.session_id, _LOOK_BACK
            )
            if each.turn.agent == clean.agent and each.turn.started_at < clean.created_at
        ]
        if not before:
            return None
        last = before[-1]
        known = {(each.at, each.subject) for each in last.turn.actions}
        done = tuple(each for each in clean.actions if (each.at, each.subject) not in known)
        if not done and last.turn.response.endswith(clean.response):
            return TrackedTurn(last.id, TurnReport.KNOWN)
        words = (last.turn.response, clean.response)
        asked = f"{last.turn.prompt}\n{clean.query}"
        shown = await self._records.citable(last.id)
        made_use_of = await asyncio.to_thread(cited, clean.response, shown, asked)
        added = await self._records.complete(
            replace(
                clean,
                turn_key=last.turn.key,
                response=clean.response if done else "\n\n".join(filter(None, words)),
                actions=(*last.turn.actions, *done),
                tokens_used=last.turn.tokens_used + clean.tokens_used,
                latency_ms=last.turn.latency_ms + clean.latency_ms,
            ),
            sorted(made_use_of),
        )
        if not added:
            return TrackedTurn(last.id, TurnReport.KNOWN)
        self._wake()
        return TrackedTurn(last.id, TurnReport.COMPLETED)

    async def _seen(
        self, new: NewInteraction, connection: str | None
    ) -> tuple[NewInteraction, Sequence[Exposure] | None]:
        """The interaction without secrets, and what is known of what was shown for it."""
        clean, showing = await asyncio.gather(
            asyncio.to_thread(self._scrubbed, new), self._showing(new, connection)
        )
        if showing is None:
            return replace(clean, showing_id=None), None
        clean, whole = replace(clean, showing_id=showing.id), new.showing_id is not None
        if len(clean.response) <= _QUICK_CHARACTERS:
            return clean, _exposures(clean, showing, whole=whole)
        return clean, await asyncio.to_thread(_exposures, clean, showing, whole=whole)

    async def _showing(self, new: NewInteraction, connection: str | None) -> Showing | None:
        if new.showing_id is not None:
            return await self._showings.get(new.showing_id, user=new.user)
        sessions = [each for each in (new.session_id, connection) if each is not None]
        if not new.context_ids:
            return await self._showings.of_nothing(new.project, sessions, user=new.user)
        return await self._showings.of_items(new.project, sessions, new.context_ids, user=new.user)

    def _scrubbed(self, new: NewInteraction) -> NewInteraction:
        scrub = self._scrubber.scrub
        return replace(
            new,
            query=scrub(without_injected(new.query)),
            response=scrub(without_injected(new.response)),
            model_used=scrub(new.model_used),
            session_id=None if new.session_id is None else scrub(new.session_id),
            actions=tuple(
                replace(each, subject=scrub(each.subject), detail=scrub(each.detail))
                for each in new.actions
            ),
        )


_LOOK_BACK = 20
"""Turns of a session among which the one before is: subagents' lie between."""

_TEXT = 50_000
_SUBJECT = 2_000
_DETAIL_START, _DETAIL_END = 1_500, 2_500
"""Characters. Compilers say what is wrong first, test runners and tracebacks last."""


def _clipped(new: NewInteraction) -> NewInteraction:
    """The turn with as much of its texts as tells how it went. Scrubbed texts only: what is left
    of a secret that was cut through would not be known for one."""
    return replace(
        new,
        query=clipped(new.query, _TEXT, _TEXT),
        response=clipped(new.response, _TEXT, _TEXT),
        actions=tuple(
            replace(
                each,
                subject=clipped(each.subject, _SUBJECT),
                detail=clipped(each.detail, _DETAIL_START, _DETAIL_END),
            )
            for each in new.actions
        ),
    )


def _exposures(new: NewInteraction, showing: Showing, *, whole: bool) -> list[Exposure]:
    """What the interaction was shown, by its context ids and by the showing; all of the showing
    was used if it is known to be the ``whole``.

    A showing counts as one throw of the dice: an interaction after the first one that came of it
    is not compared again with what was held back.
    """
    named = [str(each) for each in parse_ids("context_ids", new.context_ids)]
    known = {item.item_id for item in showing.items}
    items = [Citable(each.item_id, each.title, each.source) for each in showing.items]
    items += [Citable(item) for item in named if item not in known]
    made_use_of = cited(new.response, items, new.query)

    def every() -> Iterator[Exposure]:
        for item in showing.items:
            used = (whole or item.item_id in named) and not item.withheld
            if showing.spent and not used:
                continue
            yield Exposure(
                item.item_id,
                item.rank,
                item.score,
                None if showing.spent else item.propensity,
                item.withheld,
                used and item.item_id in made_use_of,
                used,
            )
        for rank, one in enumerate(named, 1):
            if one not in known:
                yield Exposure(one, rank, cited=one in made_use_of)

    return sorted(every(), key=lambda exposure: exposure.rank)
