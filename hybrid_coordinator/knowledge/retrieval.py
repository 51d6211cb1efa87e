"""Find what is known about a question: one hybrid query a collection, and what it is worth."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.interactions import ItemStats
from hybrid_coordinator.domain.items import GLOBAL_PROJECT, CollectionName, ContextItem
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import (
    EmbedderUnavailableError,
    HybridError,
    IndexUnavailableError,
    NotFoundError,
    RecordUnavailableError,
    StorageError,
)
from hybrid_coordinator.knowledge.collections import CollectionDefinition
from hybrid_coordinator.knowledge.embedding.protocol import Embedder, Vector
from hybrid_coordinator.knowledge.explaining import explain
from hybrid_coordinator.knowledge.index_setup import IndexSetup
from hybrid_coordinator.knowledge.relevance import EVIDENCE, Question, is_similar, relevant_pieces
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.protocol import ScoredHit, SparseText, VectorIndex

_QUESTION_START = 2_000
_QUESTION_END = 1_000
"""Characters of a question that are searched for. People say what they want first, and the last
lines of pasted output say what failed; more words than these find anything and nothing."""

_WORDS_NAMED = 4
"""Words of the question that the reason for an item names."""

_EMBED_SECONDS = 3.0
"""How long a question waits for its vector before it goes on with text search."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Items, best first: the best of each collection, then the second of each, and so on."""

    items: tuple[ContextItem, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Query:
    """A question in every form that the search needs."""

    asked: str
    question: Question
    dense: Vector | None
    sparse: SparseText
    project: str
    limit: int
    only_relevant: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """A hit with the share of the question's words that it holds."""

    hit: ScoredHit
    title: str
    text: str
    coverage: float
    matches: tuple[str, ...]


class Retriever:
    """Answers questions from the index."""

    def __init__(
        self,
        index: VectorIndex,
        embedder: Embedder,
        bm25: Bm25Encoder,
        interactions: InteractionRecords,
        setup: IndexSetup,
        definitions: Mapping[CollectionName, CollectionDefinition],
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._bm25 = bm25
        self._interactions = interactions
        self._setup = setup
        self._definitions = definitions

    async def find(
        self,
        query: str,
        project: str,
        collections: Sequence[CollectionName],
        limit: int,
        *,
        only_relevant: bool = True,
    ) -> Retrieved:
        """What the project (or every project) knows about ``query``, at most ``limit`` items of
        each collection.

        With ``only_relevant``, a collection's quota bounds its items too, and what does not
        speak of the question is left out, so there may be nothing. Without it, the best items
        come whatever they are worth: a search lists, and the reader judges.

        A degraded answer (no embedder, a collection that does not answer) says so in
        ``notices``.

        Raises:
            EmbeddingMismatchError: another embedding model built the index.
            EmbedderUnavailableError: the index has never been built, and cannot be without it.
            UnavailableError, StorageError: none of the collections can be searched.
        """
        async with self._setup.asking():
            return await self._find(_bounded(query), project, collections, limit, only_relevant)

    async def _find(
        self,
        asked: str,
        project: str,
        collections: Sequence[CollectionName],
        limit: int,
        only_relevant: bool,
    ) -> Retrieved:
        question = Question(asked)
        if only_relevant and not question:
            return Retrieved(())
        notices: list[str] = []
        prepared = _Query(
            asked=asked,
            question=question,
            dense=await self._vector(asked, notices),
            sparse=self._bm25.query(asked),
            project=project,
            limit=limit,
            only_relevant=only_relevant,
        )
        found = await self._search_all(collections, prepared, notices)
        if CollectionName.CODEBASE_CONTEXT in found and not found[CollectionName.CODEBASE_CONTEXT]:
            await self._notice_missing_index(project, notices)
        stats = await self._stats(found, notices)
        return Retrieved(self._in_order(found, stats), tuple(notices))

    async def _vector(self, asked: str, notices: list[str]) -> Vector | None:
        try:
            async with asyncio.timeout(_EMBED_SECONDS):
                (vector,) = await self._embedder.embed([asked])
        except (EmbedderUnavailableError, TimeoutError) as error:
            cause = str(error) or f"The embedder did not answer within {_EMBED_SECONDS:g} s."
            notices.append(f"Found by words only, not by meaning: {cause}")
            return None
        return vector

    async def _search_all(
        self, collections: Sequence[CollectionName], query: _Query, notices: list[str]
    ) -> dict[CollectionName, list[_Found]]:
        """What each collection that can be searched holds."""
        results = await asyncio.gather(
            *(self._search(name, query) for name in collections), return_exceptions=True
        )
        found: dict[CollectionName, list[_Found]] = {}
        failures: list[HybridError] = []
        for name, result in zip(collections, results, strict=True):
            if isinstance(result, IndexUnavailableError | NotFoundError | StorageError):
                failures.append(result)
                notices.append(f"{name} could not be searched: {result}")
            elif isinstance(result, BaseException):
                raise result
            else:
                found[name] = result
        if failures and not found:
            raise failures[0]
        return found

    async def _search(self, name: CollectionName, query: _Query) -> list[_Found]:
        hits = await self._index.hybrid(
            name,
            dense=query.dense,
            sparse=query.sparse,
            where={"project": [query.project, GLOBAL_PROJECT]},
            limit=max(query.limit, EVIDENCE),
        )
        definition = self._definitions[name]
        found = [_weigh(hit, definition, query.question) for hit in hits]
        if not query.only_relevant:
            return found[: query.limit]
        return _relevant(name, found, query)[: min(query.limit, definition.ranking.quota)]

    async def _stats(
        self, found: Mapping[CollectionName, Sequence[_Found]], notices: list[str]
    ) -> dict[str, ItemStats]:
        ids = [one.hit.id for of_collection in found.values() for one in of_collection]
        if not ids:
            return {}
        try:
            return await self._interactions.item_stats(ids)
        except RecordUnavailableError as error:
            notices.append(f"How often items helped is not known now: {error}")
            return {}

    async def _notice_missing_index(self, project: str, notices: list[str]) -> None:
        where = {"project": project}
        if not await self._index.count(CollectionName.CODEBASE_CONTEXT, where):
            notices.append("This project has no index yet: call index_codebase.")

    def _in_order(
        self, found: Mapping[CollectionName, Sequence[_Found]], stats: Mapping[str, ItemStats]
    ) -> tuple[ContextItem, ...]:
        ranked = [
            (rank, -one.coverage, name, one)
            for name, of_collection in found.items()
            for rank, one in enumerate(of_collection)
        ]
        ranked.sort(key=lambda entry: entry[:3])
        unused = ItemStats()
        return tuple(_item(name, one, stats.get(one.hit.id, unused)) for _, _, name, one in ranked)


def _bounded(query: str) -> str:
    if len(query) <= _QUESTION_START + _QUESTION_END:
        return query
    return f"{query[:_QUESTION_START]}\n{query[-_QUESTION_END:]}"


def _weigh(hit: ScoredHit, definition: CollectionDefinition, question: Question) -> _Found:
    title = _text(hit.payload, "title", definition.title_field)
    text = _text(hit.payload, "text", definition.text_field)
    whole_title = _text(hit.payload, definition.title_field, "title")
    coverage, matches = question.weigh("\n".join([whole_title, _text(hit.payload, "source"), text]))
    return _Found(hit, title, text, coverage, matches)


def _relevant(name: CollectionName, found: list[_Found], query: _Query) -> list[_Found]:
    """Code is judged by its best pieces together; entries that were learned are about something
    each."""
    if name is CollectionName.CODEBASE_CONTEXT:
        worth = relevant_pieces([one.coverage for one in found])
        return [one for one, relevant in zip(found, worth, strict=True) if relevant]
    question, asked = query.question, query.asked
    return [one for one in found if is_similar(question, asked, one.title, one.text)]


def _item(name: CollectionName, found: _Found, stats: ItemStats) -> ContextItem:
    return ContextItem(
        id=found.hit.id,
        collection=name,
        title=found.title,
        text=found.text,
        source=_text(found.hit.payload, "source"),
        score=found.hit.score,
        why=explain(name, found.hit.payload, found.matches[:_WORDS_NAMED], stats),
        uses=stats.uses,
        success_rate=stats.success_rate,
    )


def _text(payload: Mapping[str, JsonValue], *fields: str) -> str:
    for field in fields:
        value = payload.get(field)
        if isinstance(value, str) and value:
            return value
    return ""
