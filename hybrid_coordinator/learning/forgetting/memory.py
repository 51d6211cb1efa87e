"""Forgetting on purpose: what is remembered can be listed, looked at, edited, retired, deleted."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from hybrid_coordinator.domain.forgetting import Deleted, Listing, Selection
from hybrid_coordinator.domain.histories import InteractionHistory, KnowledgeHistory
from hybrid_coordinator.domain.interactions import ItemStats
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import JsonValue, NewKnowledge, Origin
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import HybridError, InvalidArgumentError, NotFoundError
from hybrid_coordinator.knowledge.code.indexer import CodeIndexer
from hybrid_coordinator.knowledge.code.watching import Watches
from hybrid_coordinator.knowledge.collections import CollectionDefinition
from hybrid_coordinator.knowledge.projection import Projector
from hybrid_coordinator.learning.cleaning import cleaned
from hybrid_coordinator.storage.postgres.forgetting import Forgetting, Removal
from hybrid_coordinator.storage.postgres.histories import Histories
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.source_files import SourceFiles

Told = Callable[[int], Awaitable[None]]
"""Told how many things are deleted so far."""

_A_TRANSACTION = 100
"""Outcomes wait meanwhile: some 1 ms a row."""
_ORIGINS = ("interaction_id", "rejected_interaction_id")
"""Of an example, in the provenance of a dataset."""
_CODE = CollectionName.CODEBASE_CONTEXT
_HISTORY = CollectionName.INTERACTION_HISTORY
_INDEX_SECONDS = 5.0
"""How long a deletion waits for the index to follow; it does so by itself after that, too."""

_log = logging.getLogger(__name__)


class Memory:
    """What is remembered, in the hands of its owner."""

    def __init__(
        self,
        forgetting: Forgetting,
        histories: Histories,
        interactions: InteractionRecords,
        knowledge: KnowledgeRecords,
        files: SourceFiles,
        indexer: CodeIndexer,
        watches: Watches,
        projector: Projector,
        definitions: Mapping[CollectionName, CollectionDefinition],
        scrubber: Scrubber,
        set_aside: Callable[[], Sequence[str]],
    ) -> None:
        """``set_aside`` names copies that lie beside the stores, as damaged files of the index."""
        self._forgetting = forgetting
        self._histories = histories
        self._interactions = interactions
        self._knowledge = knowledge
        self._files = files
        self._indexer = indexer
        self._watches = watches
        self._projector = projector
        self._definitions = definitions
        self._scrubber = scrubber
        self._set_aside = set_aside

    async def listing(self, chosen: Selection, limit: int) -> Listing:
        """The latest of what is chosen, and how many there are. Of all of a project, its files of
        indexed code are counted, too."""
        _check(chosen)
        listing = await self._forgetting.matching(chosen, limit)
        if not chosen.is_project:
            return listing
        summary = await self._files.summary()
        files = sum(one.files for one in summary if one.project == chosen.project)
        counts = {**listing.counts, **({_CODE.value: files} if files else {})}
        return Listing(listing.rows, counts)

    async def show(self, identifier: str) -> KnowledgeHistory | InteractionHistory:
        """All that is on record of an entry or an interaction.

        Raises:
            NotFoundError: there is nothing of this id.
        """
        if await self._collection_of(identifier) is _HISTORY:
            return InteractionHistory(
                await self._interactions.get(identifier),
                tuple(await self._interactions.exposures(identifier)),
                await self._histories.actions(identifier),
                await self._histories.outcomes(identifier),
                await self._histories.taught(identifier),
            )
        *earlier, item = await self._histories.versions(identifier)
        stats = await self._interactions.item_stats([identifier])
        return KnowledgeHistory(
            item,
            tuple(earlier),
            await self._histories.evidence(identifier),
            await self._histories.elsewhere(identifier),
            stats.get(item.id, ItemStats()),
        )

    async def edit(
        self, identifier: str, content: str | None, fields: Mapping[str, JsonValue]
    ) -> KnowledgeHistory | InteractionHistory:
        """Give an entry another content, and some fields other values (null takes one away), or an
        interaction another response (``content``) or query (a field). An entry that a person has
        edited counts as stated: nothing learned changes it any more. Its earlier versions stay on
        record; what an interaction said before is gone.

        Raises:
            NotFoundError: there is no such interaction, or entry in use.
            InvalidArgumentError: a value is off.
        """
        if content is None and not fields:
            raise InvalidArgumentError("content", "nothing to change is given; add fields or it")
        if await self._collection_of(identifier) is _HISTORY:
            await self._rewrite(identifier, content, fields)
        else:
            await self._change(identifier, content, fields)
        self._projector.wake()
        return await self.show(identifier)

    async def _rewrite(
        self, identifier: str, content: str | None, fields: Mapping[str, JsonValue]
    ) -> None:
        texts = {**fields, **({} if content is None else {"response": content})}
        for name, value in texts.items():
            if name not in ("query", "response"):
                raise InvalidArgumentError(
                    f"fields.{name}", "of an interaction, query and response can be edited"
                )
            if not isinstance(value, str) or not value.strip() or "\0" in value:
                raise InvalidArgumentError(f"fields.{name}", "must be text, and not blank")
        clean = {name: self._scrubber.scrub(str(value)) for name, value in texts.items()}
        await self._forgetting.rewrite(identifier, clean.get("query"), clean.get("response"))

    async def _change(
        self, identifier: str, content: str | None, fields: Mapping[str, JsonValue]
    ) -> None:
        (item,) = await self._knowledge.get_many([identifier])
        new = NewKnowledge(
            item.collection,
            item.project,
            item.title,
            item.content if content is None else content,
            {**item.fields, **fields},
        )
        accepted = self._definitions[item.collection].accept(cleaned(new, self._scrubber))
        await self._knowledge.change(
            identifier,
            content=accepted.content,
            fields=accepted.fields,
            origin=Origin.STATED,
            reason="edited by hand",
        )

    async def retire(self, identifier: str, reason: str) -> None:
        """Take an entry out of use for good: it is shown no more, and not learned anew.

        Raises:
            NotFoundError: there is no such entry in use.
            InvalidArgumentError: it is an interaction, or the reason is blank.
        """
        if not reason.strip():
            raise InvalidArgumentError("reason", "is blank; say why, for whoever wonders later")
        if await self._collection_of(identifier) is _HISTORY:
            raise InvalidArgumentError(
                "id", f"{identifier} is an interaction; what is retired are entries: delete it"
            )
        await self._knowledge.deprecate(identifier, self._scrubber.scrub(reason))
        self._projector.wake()

    async def delete(self, ids: Sequence[str]) -> Deleted:
        """Delete interactions and entries by id, from every store.

        An entry that was learned from deleted interactions alone goes with them; one that rests
        on others, too, loses that evidence and what it said before.

        Raises:
            NotFoundError: there is nothing of one of these ids; then nothing is deleted.
        """
        known = await self._forgetting.known(ids)
        missing = [one for one in dict.fromkeys(ids) if str(UUID(one)) not in known]
        if missing:
            raise _unknown(missing)
        wanted = list(known)
        removals = [
            await self._forgetting.delete(wanted[start : start + _A_TRANSACTION])
            for start in range(0, len(wanted), _A_TRANSACTION)
        ]
        return await self._deleted(removals)

    async def delete_chosen(self, chosen: Selection, told: Told) -> Deleted:
        """Delete all that is chosen; of a whole project also its code in the index, and that it is
        watched. Cut off anywhere, it can be called again.

        Raises:
            InvalidArgumentError: everything is chosen, which nobody asks for by mistake.
        """
        _check(chosen)
        if chosen.is_everything:
            raise InvalidArgumentError(
                "selection", "is empty; give a project, a collection, an age or words"
            )
        removals: list[Removal] = []
        count = 0
        while rows := (await self._forgetting.matching(chosen, _A_TRANSACTION)).rows:
            removals.append(await self._forgetting.delete([row.id for row in rows]))
            count += len(removals[-1].interactions) + len(removals[-1].knowledge)
            await told(count)
        files = 0
        if chosen.project is not None and chosen.is_project:
            await self._forgetting.delete_project(chosen.project)
            await self._watches.remove_all(chosen.project)
            files = await self._indexer.forget(chosen.project)
        return await self._deleted(removals, files)

    async def _deleted(self, removals: Sequence[Removal], files: int = 0) -> Deleted:
        self._projector.wake()
        await self._projector.drain(_INDEX_SECONDS)
        await self._vacuum()
        counts: Counter[str] = Counter()
        kept: dict[str, None] = {}
        for each in removals:
            counts[_HISTORY.value] += len(each.interactions)
            counts.update(collection.value for _, collection in each.knowledge)
            kept.update(dict.fromkeys(each.kept))
        gone = {identifier for each in removals for identifier, _ in each.knowledge}
        oldest = min((each.oldest for each in removals if each.oldest), default=None)
        return Deleted(
            {name: count for name, count in sorted(counts.items()) if count},
            sum(each.learned for each in removals),
            tuple(one for one in kept if one not in gone),
            files,
            tuple(await self._copies(removals, oldest)),
        )

    async def _copies(self, removals: Sequence[Removal], oldest: datetime | None) -> list[str]:
        written = await self._forgetting.datasets(oldest) if oldest else []
        gone = {identifier for each in removals for identifier in each.interactions}

        def find() -> list[str]:
            held = (where for where in written if _may_hold(Path(where), gone))
            return [*held, *self._set_aside()]

        return await asyncio.to_thread(find)

    async def _vacuum(self) -> None:
        try:
            await self._forgetting.vacuum()
        except HybridError:
            _log.warning("the room of what was deleted is given free later", exc_info=True)

    async def _collection_of(self, identifier: str) -> CollectionName:
        known = await self._forgetting.known([identifier])
        if not known:
            raise _unknown([identifier])
        return next(iter(known.values()))


def _may_hold(dataset: Path, interactions: set[str]) -> bool:
    """Whether training data was made of one of these, or does not say of what."""
    try:
        with (dataset / "provenance.jsonl").open(encoding="utf-8") as lines:
            origins = map(json.loads, lines)
            return any(origin.get(name) in interactions for origin in origins for name in _ORIGINS)
    except FileNotFoundError:
        return dataset.exists()
    except (OSError, ValueError):
        return True


def _check(chosen: Selection) -> None:
    if chosen.collection is _CODE:
        raise InvalidArgumentError(
            "collection", f"{_CODE} follows the files on disk; it is deleted with its project"
        )


def _unknown(ids: Sequence[str]) -> NotFoundError:
    return NotFoundError(
        f"there is no interaction or entry {', '.join(ids)}; `hybrid-coordinator memory list` "
        "shows what there is"
    )
