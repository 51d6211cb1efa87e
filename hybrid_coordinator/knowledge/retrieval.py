"""Find what is known about a question: one hybrid query a collection, and what it is worth."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hybrid_coordinator.domain.access import OWNER
from hybrid_coordinator.domain.interactions import ItemStats
from hybrid_coordinator.domain.items import GLOBAL_PROJECT, CollectionName, ContextItem, SourceLines
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import (
    EmbedderUnavailableError,
    HybridError,
    IndexUnavailableError,
    NotFoundError,
    RecordUnavailableError,
    StorageError,
)
from hybrid_coordinator.knowledge.code.recall import FileNow, FreshSources, Recalled
from hybrid_coordinator.knowledge.collections import CollectionDefinition
from hybrid_coordinator.knowledge.embedding.protocol import Embedder, Vector
from hybrid_coordinator.knowledge.explaining import explain
from hybrid_coordinator.knowledge.index_setup import IndexSetup
from hybrid_coordinator.knowledge.ranking.asked import Asked, Kind, read_question
from hybrid_coordinator.knowledge.ranking.code import CodeWeights, defined_names, rank_code
from hybrid_coordinator.knowledge.ranking.learned import (
    RELEVANCE,
    SEARCHED,
    LearnedWeights,
    rank_learned,
)
from hybrid_coordinator.knowledge.ranking.remembered import PastUse, alike, rank_remembered
from hybrid_coordinator.knowledge.relevance import (
    CALIBRATED_MODELS,
    EVIDENCE,
    Question,
    is_similar,
    mentions,
    relevant_pieces,
)
from hybrid_coordinator.knowledge.same_errors import QuotedErrors
from hybrid_coordinator.spans import span
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.protocol import ScoredHit, SparseText, VectorIndex

_QUESTION_START = 2_000
_QUESTION_END = 1_000
"""Characters of a question that are searched for. People say what they want first, and the last
lines of pasted output say what failed; more words than these find anything and nothing."""

_WORDS_NAMED = 4
"""Words of the question that the reason for an item names."""

_CODE = CollectionName.CODEBASE_CONTEXT
_CODE_CANDIDATES = 50
"""Pieces of code that are ranked, of so many of the best by cosine and of the best by BM25. With
half as many the files that answer are missing more often; with more nothing is gained, and a
question takes longer."""

_DEFINITIONS = 20
"""Beside them, pieces that define what the question names."""

_CANDIDATES = 20
"""Learned items that are ranked, of each collection."""

_EMBED_SECONDS = 3.0
"""How long a question waits for its vector before it goes on with text search."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Items, best first: the best of each collection, then the second of each, and so on.

    ``stats`` are by the ids of items that were used.
    """

    items: tuple[ContextItem, ...]
    notices: tuple[str, ...] = ()
    stats: Mapping[str, ItemStats] = field(default_factory=dict)
    files: Mapping[tuple[str, str], FileNow] = field(default_factory=dict)

    def read_lines(self, lines: SourceLines) -> str | None:
        """Lines of a file of which something was found, as it is now; None of another file."""
        file = self.files.get((lines.root, lines.path))
        return None if file is None else file.lines(lines.start, lines.end)


@dataclass(frozen=True, slots=True)
class _Query:
    """A question in every form that the search needs."""

    text: str
    asked: Asked
    question: Question
    errors: QuotedErrors
    dense: Vector | None
    sparse: SparseText
    project: str
    user: str
    limit: int
    only_relevant: bool
    weights: LearnedWeights


@dataclass(frozen=True, slots=True)
class _Found:
    """A hit with the share of the question's words that it holds; ``exact`` if it is about the
    very error that the question quotes."""

    hit: ScoredHit
    title: str
    text: str
    coverage: float
    matches: tuple[str, ...]
    relevant: bool = True
    exact: bool = False


class Retriever:
    """Answers questions from the index."""

    def __init__(
        self,
        index: VectorIndex,
        embedder: Embedder,
        bm25: Bm25Encoder,
        interactions: InteractionRecords,
        setup: IndexSetup,
        sources: FreshSources,
        definitions: Mapping[CollectionName, CollectionDefinition],
        code_weights: CodeWeights | None = None,
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._bm25 = bm25
        self._interactions = interactions
        self._setup = setup
        self._sources = sources
        self._definitions = definitions
        self._code_weights = code_weights

    async def find(
        self,
        query: str,
        project: str,
        collections: Sequence[CollectionName],
        limit: int,
        *,
        only_relevant: bool = True,
        by_outcomes: bool = True,
        user: str = OWNER,
    ) -> Retrieved:
        """What the project (or every project) knows about ``query``. Of the interactions there are
        only those of ``user``.

        With ``only_relevant``, what does not speak of the question is left out, so there may be
        nothing. Of code there are at most ``limit`` items, and as many as its quota; of what was
        learned there are all candidates in the order of their relevance, for the caller to choose
        from. Without it, the ``limit`` best items of each collection come whatever they are worth:
        a search lists, and the reader judges. If ``by_outcomes``, how entries did counts there,
        and code that helped with a task like this one comes first.

        A degraded answer (no embedder, a collection that does not answer) says so in
        ``notices``.

        Raises:
            EmbeddingMismatchError: another embedding model built the index.
            EmbedderUnavailableError: the index has never been built, and cannot be without it.
            UnavailableError, StorageError: none of the collections can be searched.
        """
        asked = (query, project, collections, limit, only_relevant, by_outcomes, user)
        with span("retrieve", hybrid__collections=len(collections)) as current:
            try:
                async with self._setup.asking():
                    found = await self._find(*asked)
            except NotFoundError:
                # A collection is gone, or another coordinator has rebuilt the index: both are seen
                # to by looking again.
                self._setup.doubt()
                async with self._setup.asking():
                    found = await self._find(*asked)
            current.set_attribute("hybrid.items", len(found.items))
            current.set_attribute("hybrid.notices", len(found.notices))
            return found

    async def _find(
        self,
        query: str,
        project: str,
        collections: Sequence[CollectionName],
        limit: int,
        only_relevant: bool,
        by_outcomes: bool,
        user: str,
    ) -> Retrieved:
        text = _bounded(query)
        question, asked = Question(text), read_question(text)
        errors = QuotedErrors.in_question(query)
        if not question and asked.kind is not Kind.SYMBOL and not errors.keys:
            return Retrieved(())  # there is nothing to look for
        notices: list[str] = []
        prepared = _Query(
            text=text,
            asked=asked,
            question=question,
            errors=errors,
            dense=await self._vector(text, notices),
            sparse=self._bm25.query(text),
            project=project,
            user=user,
            limit=limit,
            only_relevant=only_relevant,
            weights=SEARCHED if by_outcomes and not only_relevant else RELEVANCE,
        )
        hits = await self._search_all(collections, prepared, notices)
        if by_outcomes and hits.get(_CODE):
            hits[_CODE] = await self._remembered(hits, text)
        if hits.get(_CODE) == []:
            await self._notice_missing_index(project, notices)
        files: dict[tuple[str, str], FileNow] = {}
        code, stats = await asyncio.gather(
            self._as_they_are_now(hits.get(_CODE, []), max(limit, EVIDENCE), files, notices),
            self._stats(hits, max(limit, _CANDIDATES), notices),
        )
        if _CODE in hits:
            hits[_CODE] = code
        similarity = await self._similarity(code, prepared)
        found = {name: self._chosen(name, hits[name], prepared, stats, similarity) for name in hits}
        return Retrieved(_in_order(found, prepared.asked, stats), tuple(notices), stats, files)

    async def _remembered(
        self, hits: Mapping[CollectionName, Sequence[ScoredHit]], text: str
    ) -> list[ScoredHit]:
        """The code in the order of its use for tasks like this one, where such were found."""
        code = list(hits[_CODE])
        tasks = alike(text, hits.get(CollectionName.INTERACTION_HISTORY, ()))
        if not tasks:
            return code
        try:
            uses = await self._interactions.past_uses(list(tasks), [hit.id for hit in code])
        except RecordUnavailableError:
            return code  # it is told where the uses of items are asked for
        return rank_remembered(code, tasks, [PastUse(*use) for use in uses])

    async def _vector(self, text: str, notices: list[str]) -> Vector | None:
        try:
            async with asyncio.timeout(_EMBED_SECONDS):
                (vector,) = await self._embedder.embed([text])
        except (EmbedderUnavailableError, TimeoutError) as error:
            cause = str(error) or f"The embedder did not answer within {_EMBED_SECONDS:g} s."
            notices.append(f"Found by words only, not by meaning: {cause}")
            return None
        return vector

    async def _search_all(
        self, collections: Sequence[CollectionName], query: _Query, notices: list[str]
    ) -> dict[CollectionName, list[ScoredHit]]:
        """What the engine finds in each collection that can be searched."""
        results = await asyncio.gather(
            *(self._search(name, query) for name in collections), return_exceptions=True
        )
        hits: dict[CollectionName, list[ScoredHit]] = {}
        failures: list[HybridError] = []
        for name, result in zip(collections, results, strict=True):
            if isinstance(result, IndexUnavailableError | StorageError):
                failures.append(result)
                notices.append(f"{name} could not be searched: {result}")
            elif isinstance(result, BaseException):
                raise result
            else:
                hits[name] = result
        if failures and not hits:
            raise failures[0]
        return hits

    async def _search(self, name: CollectionName, query: _Query) -> list[ScoredHit]:
        """Candidates of one collection; of code they are ranked already, since that needs no
        record of their use."""
        where: dict[str, list[str | None]] = {"project": [query.project, GLOBAL_PROJECT]}
        if name is CollectionName.INTERACTION_HISTORY:
            # Points of before there were users have none: they are the owner's.
            where["user"] = [query.user, None] if query.user == OWNER else [query.user]
        if name is not _CODE:
            limit = max(query.limit, _CANDIDATES)
            hits = await self._index.hybrid(
                name, dense=query.dense, sparse=query.sparse, where=where, limit=limit
            )
            if name is CollectionName.ERROR_SOLUTIONS:
                hits = await query.errors.found_too(self._index, hits, query.project)
            return hits
        # The text of an error is in the code word for word: what is only alike is in the way.
        names = sorted(query.asked.names)
        by_words = query.asked.kind is Kind.ERROR and query.sparse.indices
        hits = await self._index.hybrid(
            name,
            dense=None if by_words else query.dense,
            sparse=query.sparse,
            where=where,
            limit=max(query.limit, _CODE_CANDIDATES + (_DEFINITIONS if names else 0)),
            candidates=_CODE_CANDIDATES,
            also=[{"defines": names}] if names else (),
        )
        return rank_code(hits, query.asked, self._code_weights)

    async def _as_they_are_now(
        self,
        hits: Sequence[ScoredHit],
        most: int,
        files: dict[tuple[str, str], FileNow],
        notices: list[str],
    ) -> list[ScoredHit]:
        """The ``most`` best pieces of code with their text and place as they are in their files
        now; those that are there no more make room for the next. ``files`` gets the files."""
        fresh: list[ScoredHit] = []
        waiting = list(hits)
        while waiting and len(fresh) < most:
            some = waiting[: most - len(fresh)]
            del waiting[: len(some)]
            for hit, recalled in zip(some, await self._sources.check(some, notices), strict=True):
                if recalled is None:
                    continue
                fresh.append(_placed(hit, recalled))
                if recalled.file is not None:
                    key = _text(hit.payload, "root"), _text(hit.payload, "file_path")
                    files[key] = recalled.file
        notices[:] = dict.fromkeys(notices)
        return fresh

    async def _stats(
        self, hits: Mapping[CollectionName, Sequence[ScoredHit]], most: int, notices: list[str]
    ) -> dict[str, ItemStats]:
        ids = [hit.id for of_collection in hits.values() for hit in of_collection[:most]]
        if not ids:
            return {}
        try:
            return await self._interactions.item_stats(ids)
        except RecordUnavailableError as error:
            notices.append(f"How often items helped is not known now: {error}")
            return {}

    async def _similarity(self, hits: Sequence[ScoredHit], query: _Query) -> float | None:
        """The greatest similarity of the best pieces of code with a sentence of the question;
        None where it says nothing about relevance, or cannot be had, or nobody asks."""
        if not (query.only_relevant and query.dense and len(hits) >= EVIDENCE):
            return None
        ids = [hit.id for hit in hits[:EVIDENCE]]
        try:
            if (await self._embedder.identity()).name not in CALIBRATED_MODELS:
                return None
            async with asyncio.timeout(_EMBED_SECONDS):
                vectors = await self._embedder.embed(query.question.sentences)
            found = await asyncio.gather(
                *(self._index.similarities(_CODE, ids, vector) for vector in vectors)
            )
        except (
            EmbedderUnavailableError,
            IndexUnavailableError,
            NotFoundError,
            StorageError,
            TimeoutError,
        ):
            return None  # words alone decide then
        return max((value for one in found for value in one.values()), default=None)

    def _chosen(
        self,
        name: CollectionName,
        hits: Sequence[ScoredHit],
        query: _Query,
        stats: Mapping[str, ItemStats],
        similarity: float | None,
    ) -> list[_Found]:
        """The items of one collection that come into question: only relevant ones, or these
        first."""
        definition = self._definitions[name]
        ordered = hits if name is _CODE else rank_learned(hits, query.asked, stats, query.weights)
        found = [_weigh(hit, definition, query) for hit in ordered]
        found.sort(key=_exactness)
        relevant = _relevant(name, found, query, similarity)
        if query.only_relevant:
            most = min(query.limit, definition.ranking.quota) if name is _CODE else _CANDIDATES
            return relevant[:most]
        ids = {one.hit.id for one in relevant}
        judged = [replace(one, relevant=one.hit.id in ids) for one in found]
        return sorted(judged, key=lambda one: not one.relevant)[: query.limit]

    async def _notice_missing_index(self, project: str, notices: list[str]) -> None:
        where = {"project": project}
        if not await self._index.count(CollectionName.CODEBASE_CONTEXT, where):
            notices.append("This project has no index yet: call index_codebase.")


def _in_order(
    found: Mapping[CollectionName, Sequence[_Found]],
    asked: Asked,
    stats: Mapping[str, ItemStats],
) -> tuple[ContextItem, ...]:
    ranked = [
        (not one.relevant, not one.exact, rank, -one.coverage, name, one)
        for name, of_collection in found.items()
        for rank, one in enumerate(of_collection)
    ]
    ranked.sort(key=lambda entry: entry[:5])
    unused = ItemStats()
    return tuple(_item(name, one, asked, stats.get(one.hit.id, unused)) for *_, name, one in ranked)


def _placed(hit: ScoredHit, now: Recalled) -> ScoredHit:
    """The hit with its text and place as they are now."""
    if now.start_line is None or now.end_line is None:
        return hit
    payload: dict[str, JsonValue] = {
        "code_snippet": now.text,
        "start_line": now.start_line,
        "end_line": now.end_line,
        "source": f"{_text(hit.payload, 'file_path')}:{now.start_line}-{now.end_line}",
    }
    if now.text != hit.payload.get("code_snippet"):
        payload |= {"signature": "", "context": []}  # they may be others now
    return replace(hit, payload={**hit.payload, **payload})


def _bounded(query: str) -> str:
    if len(query) <= _QUESTION_START + _QUESTION_END:
        return query
    return f"{query[:_QUESTION_START]}\n{query[-_QUESTION_END:]}"


def _exactness(found: _Found) -> tuple[bool, float]:
    """Entries about the very error come first, of these the surest."""
    sure = found.hit.payload.get("confidence_score")
    return not found.exact, -sure if found.exact and isinstance(sure, int | float) else 0.0


def _weigh(hit: ScoredHit, definition: CollectionDefinition, query: _Query) -> _Found:
    title = _text(hit.payload, "title", definition.title_field)
    text = _text(hit.payload, "text", definition.text_field)
    whole_title = _text(hit.payload, definition.title_field, "title")
    whole = "\n".join([whole_title, _text(hit.payload, "source"), text])
    coverage, matches = query.question.weigh(whole)
    exact = definition.name is CollectionName.ERROR_SOLUTIONS and query.errors.are(hit.payload)
    return _Found(hit, title, text, coverage, matches, exact=exact)


def _relevant(
    name: CollectionName, found: list[_Found], query: _Query, similarity: float | None
) -> list[_Found]:
    """Code is judged by its best pieces together; entries that were learned are about something
    each."""
    if name is not _CODE:
        question, text = query.question, query.text
        return [
            one for one in found if one.exact or is_similar(question, text, one.title, one.text)
        ]
    if query.asked.kind is Kind.SYMBOL:
        named = [one for one in found if _names_it(one, query.asked)]
        # A name that is written as only code is stands in the code or does not.
        if named or query.asked.distinctive_names:
            return named
    worth = relevant_pieces([one.coverage for one in found], similarity)
    return [one for one, relevant in zip(found, worth, strict=True) if relevant]


def _names_it(found: _Found, asked: Asked) -> bool:
    """Whether a piece of code defines what the question names, or mentions a name that is no
    word of prose; in whatever capitals, since people write names from memory."""
    names = {name.casefold() for name in asked.names}
    if any(name.casefold() in names for name in defined_names(found.hit.payload)):
        return True
    text = "\n".join([found.title, _text(found.hit.payload, "file_path"), found.text]).casefold()
    return any(mentions(name.casefold(), text) for name in asked.distinctive_names)


def _item(name: CollectionName, found: _Found, asked: Asked, stats: ItemStats) -> ContextItem:
    return ContextItem(
        id=found.hit.id,
        collection=name,
        title=found.title,
        text=found.text,
        source=_text(found.hit.payload, "source"),
        score=found.hit.score,
        why=explain(
            name,
            found.hit.payload,
            asked,
            found.matches[:_WORDS_NAMED],
            stats,
            same_error=found.exact,
        ),
        uses=stats.uses,
        success_rate=stats.success_rate,
        lines=_lines(found.hit.payload),
        signature=_text(found.hit.payload, "signature"),
        enclosing=_strings(found.hit.payload.get("context")) if name is _CODE else (),
        relevance=1.0 if found.exact else found.coverage,
        exact=found.exact,
    )


def _lines(payload: Mapping[str, JsonValue]) -> SourceLines | None:
    """Where a piece of a file stands; None for what is of no file."""
    root, path = _text(payload, "root"), _text(payload, "file_path")
    start, end = payload.get("start_line"), payload.get("end_line")
    if not (root and path and isinstance(start, int) and isinstance(end, int)):
        return None
    return SourceLines(root, path, start, end)


def _strings(value: JsonValue) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _text(payload: Mapping[str, JsonValue], *fields: str) -> str:
    for name in fields:
        value = payload.get(name)
        if isinstance(value, str) and value:
            return value
    return ""
