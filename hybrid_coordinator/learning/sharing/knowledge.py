"""Knowledge for other machines, and from them: nothing secret or personal goes out, and what comes
in is taken for what anybody may have written."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hybrid_coordinator.domain.histories import Elsewhere
from hybrid_coordinator.domain.injected import without_injected
from hybrid_coordinator.domain.items import GLOBAL_PROJECT, CollectionName
from hybrid_coordinator.domain.knowledge import KnowledgeItem, NewKnowledge, StoreAction
from hybrid_coordinator.domain.personal import without_personal_data
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.domain.sharing import ImportReport, Refused, Scope, SharedEntry
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.knowledge.collections import CollectionDefinition
from hybrid_coordinator.knowledge.projects import same_directory_elsewhere
from hybrid_coordinator.learning.cleaning import cleaned, map_strings
from hybrid_coordinator.learning.sharing.lines import parse, render, without_controls
from hybrid_coordinator.storage.postgres.sharing import SharedKnowledge
from hybrid_coordinator.version import __version__

_PAGE = 200


class KnowledgeSharing:
    """Exports entries as lines, and imports lines as entries."""

    def __init__(
        self,
        shared: SharedKnowledge,
        definitions: Mapping[CollectionName, CollectionDefinition],
        scrubber: Scrubber,
        wake: Callable[[], None],
    ) -> None:
        """``wake`` tells the projection into the index that there is something new."""
        self._shared = shared
        self._definitions = definitions
        self._scrubber = scrubber
        self._wake = wake

    async def page(
        self, scope: Scope, after: str | None
    ) -> tuple[list[Mapping[str, Any]], str | None]:
        """Lines of the entries in use, as JSON objects, and the id to go on after; None at the
        end. One that is nothing but what may not go out is left out."""
        rows = await self._shared.page(scope, after, _PAGE)
        lines = await asyncio.to_thread(self._rendered, rows)
        return lines, rows[-1][0].id if len(rows) == _PAGE else None

    def _rendered(
        self, rows: Sequence[tuple[KnowledgeItem, tuple[Elsewhere, ...]]]
    ) -> list[Mapping[str, Any]]:
        return [
            render(SharedEntry(new, item.created_at, item.updated_at, __version__, provenance))
            for item, provenance in rows
            for new in (self._going_out(item),)
            if new.title.strip() and new.content.strip()
        ]

    def _going_out(self, item: KnowledgeItem) -> NewKnowledge:
        def clean(text: str) -> str:
            # First the marks: what is left when they are gone may be a secret.
            text = without_controls(without_injected(text))
            return without_personal_data(self._scrubber.scrub(text))

        return NewKnowledge(
            item.collection,
            item.project,
            clean(item.title),
            clean(item.content),
            {name: map_strings(value, clean) for name, value in item.fields.items()},
        )

    async def take_in(
        self,
        lines: Sequence[tuple[int, str]],
        *,
        project: str | None,
        here: str | None = None,
        dry_run: bool,
    ) -> ImportReport:
        """Import lines, each with its number. One that is refused leaves no trace, and the others
        are imported all the same. A dry run stores nothing, and says what would be.

        Args:
            project: takes the place of every entry's own.
            here: the project that is worked in. Without ``project``, entries of a directory of the
                same name go there, unless somebody works under their own project's name.
        """
        actions: Counter[StoreAction] = Counter()
        refused: list[Refused] = []
        homes = _Homes(self._shared, here) if project is None else None
        for number, text in lines:
            try:
                entry, new = await asyncio.to_thread(self._accepted, text, project)
            except InvalidArgumentError as error:
                refused.append(Refused(number, str(error)))
            else:
                if homes is not None:
                    new = replace(new, project=await homes.of(new.project))
                action = await self._shared.take_in(new, entry.provenance, dry_run=dry_run)
                actions[action] += 1
        if not dry_run:
            self._wake()
        if homes is None:
            return ImportReport(dict(actions), tuple(refused))
        return ImportReport(dict(actions), tuple(refused), homes.filed_as, tuple(homes.unknown))

    def _accepted(self, text: str, project: str | None) -> tuple[SharedEntry, NewKnowledge]:
        entry = parse(text)
        new = entry.new if project is None else replace(entry.new, project=project)
        return entry, self._definitions[new.collection].accept(cleaned(new, self._scrubber))


class _Homes:
    """Where entries of other machines' projects go: names of projects hold digits of their paths,
    so the same project has another one there."""

    def __init__(self, shared: SharedKnowledge, here: str | None) -> None:
        self.filed_as: dict[str, str] = {}
        self.unknown: list[str] = []
        self._shared = shared
        self._here = here
        self._known = {GLOBAL_PROJECT, here}

    async def of(self, project: str) -> str:
        """The project that entries of one are filed under."""
        if project in self.filed_as:
            return self.filed_as[project]
        if project in self._known or project in self.unknown:
            return project
        if await self._shared.is_known(project):
            self._known.add(project)
        elif self._here is not None and same_directory_elsewhere(project, self._here):
            self.filed_as[project] = self._here
            return self._here
        else:
            self.unknown.append(project)
        return project
