"""The index on a Qdrant server, or in memory with the client's own engine."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from json import JSONDecodeError

from qdrant_client import AsyncQdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import (
    HybridError,
    IndexUnavailableError,
    InvalidArgumentError,
    NotFoundError,
    StorageError,
)
from hybrid_coordinator.storage.vectors.protocol import (
    TENANT_FIELD,
    TIES,
    CollectionSpec,
    Condition,
    IndexKind,
    IndexPoint,
    Ranking,
    ScoredHit,
    SparseText,
    StoredPoint,
    ranked,
    rankings_of,
    told_apart,
)

_DENSE = "dense"
_SPARSE = "bm25"
_POINTS_A_REQUEST = 256
_UNAVAILABLE = (429, 502, 503, 504)


class ClientIndex:
    """A ``VectorIndex`` on a Qdrant server from version 1.16 (the first whose rank fusion takes
    a constant). The server optimizes by itself, so ``optimize`` has nothing to do."""

    def __init__(self, client: AsyncQdrantClient, place: str, timeout: float) -> None:
        """Wrap a client; use ``connect`` or ``in_memory``."""
        self._client = client
        self._place = place
        self._timeout = timeout

    @classmethod
    def connect(cls, url: str, api_key: str | None = None, timeout: float = 10.0) -> ClientIndex:
        """An index on the server at ``url``; nothing is sent before the first call. No request
        takes longer than ``timeout`` seconds.

        Raises:
            InvalidArgumentError: the URL cannot be used.
        """
        try:
            client = AsyncQdrantClient(
                url=url, api_key=api_key, timeout=math.ceil(timeout), check_compatibility=False
            )
        except ValueError as error:
            raise InvalidArgumentError("QDRANT_URL", f"{url!r} cannot be used: {error}") from error
        return cls(client, f"Qdrant at {url} (QDRANT_URL)", timeout)

    @classmethod
    def in_memory(cls) -> ClientIndex:
        """An index that lives in this object and is gone with it."""
        return cls(AsyncQdrantClient(location=":memory:"), "Qdrant in memory", 60.0)

    async def create(self, spec: CollectionSpec) -> None:
        async with self._request():
            if not await self._client.collection_exists(spec.name):
                await self._create(spec)
        if self._client.init_options["location"] == ":memory:":
            return  # it has no payload indexes, and warns when asked for one
        async with self._request():
            info = await self._client.get_collection(spec.name)
            for field, kind in spec.indexes.items():
                # Checked one by one: an earlier create may have been cut off half way.
                if field not in info.payload_schema:
                    await self._client.create_payload_index(
                        spec.name, field, _index_params(field, kind), wait=True
                    )

    async def drop(self, collection: str) -> None:
        async with self._request():
            await self._client.delete_collection(collection)

    async def collections(self) -> list[str]:
        async with self._request():
            found = await self._client.get_collections()
        return sorted(collection.name for collection in found.collections)

    async def upsert(self, collection: str, points: Sequence[IndexPoint]) -> None:
        for start in range(0, len(points), _POINTS_A_REQUEST):
            async with self._request():
                await self._client.upsert(
                    collection,
                    [_point(point) for point in points[start : start + _POINTS_A_REQUEST]],
                    wait=True,
                )

    async def hybrid(
        self,
        collection: str,
        *,
        dense: Sequence[float] | None,
        sparse: SparseText | None,
        where: Condition,
        limit: int,
        candidates: int = 50,
        also: Sequence[Condition] = (),
    ) -> list[ScoredHit]:
        pool = max(candidates, limit)
        parts = [_prefetch(each, pool) for each in rankings_of(dense, sparse, where, also)]
        if not parts:
            return []
        async with self._request():
            if len(parts) == 1:
                found = await self._client.query_points(
                    collection,
                    query=parts[0].query,
                    using=parts[0].using,
                    query_filter=parts[0].filter,
                    limit=limit + TIES,
                    with_payload=True,
                )
            else:
                found = await self._client.query_points(
                    collection,
                    prefetch=parts,
                    query=models.FusionQuery(fusion=models.Fusion.DBSF),
                    limit=limit + TIES,
                    with_payload=True,
                )
        hits = (ScoredHit(str(hit.id), hit.score, hit.payload or {}) for hit in found.points)
        return ranked(hits, limit)

    async def nearest(
        self, collection: str, dense: Sequence[float], *, where: Condition, limit: int
    ) -> list[ScoredHit]:
        return await self.hybrid(collection, dense=dense, sparse=None, where=where, limit=limit)

    async def similarities(
        self, collection: str, ids: Sequence[str], dense: Sequence[float]
    ) -> dict[str, float]:
        if not ids:
            return {}
        async with self._request():
            found = await self._client.query_points(
                collection,
                query=list(dense),
                using=_DENSE,
                query_filter=models.Filter(must=[models.HasIdCondition(has_id=list(ids))]),
                limit=len(ids),
                with_payload=False,
            )
        return {str(hit.id): hit.score for hit in found.points}

    async def matching(
        self, collection: str, sparse: SparseText, *, where: Condition, limit: int
    ) -> list[ScoredHit]:
        return await self.hybrid(collection, dense=None, sparse=sparse, where=where, limit=limit)

    async def set_payload(
        self, collection: str, ids: Sequence[str], payload: Mapping[str, JsonValue]
    ) -> None:
        async with self._request():
            # By filter, since by id the server fails on the first one that is gone.
            chosen = models.Filter(must=[models.HasIdCondition(has_id=list(ids))])
            await self._client.set_payload(collection, dict(payload), chosen, wait=True)

    async def delete(self, collection: str, ids: Sequence[str]) -> None:
        async with self._request():
            await self._client.delete(collection, models.PointIdsList(points=list(ids)), wait=True)

    async def delete_where(self, collection: str, where: Condition) -> None:
        condition = _filter(where)
        if condition is None:
            raise InvalidArgumentError("where", "is empty; name at least one field")
        async with self._request():
            await self._client.delete(
                collection, models.FilterSelector(filter=condition), wait=True
            )

    async def get(self, collection: str, ids: Sequence[str]) -> list[StoredPoint]:
        async with self._request():
            records = await self._client.retrieve(collection, list(ids), with_payload=True)
        return [StoredPoint(str(record.id), record.payload or {}) for record in records]

    async def scroll(
        self, collection: str, *, where: Condition, limit: int, after: str | None = None
    ) -> tuple[list[StoredPoint], str | None]:
        async with self._request():
            records, following = await self._client.scroll(
                collection, _filter(where), limit=limit, offset=after, with_payload=True
            )
        page = [StoredPoint(str(record.id), record.payload or {}) for record in records]
        return page, None if following is None else str(following)

    async def count(self, collection: str, where: Condition) -> int:
        async with self._request():
            counted = await self._client.count(collection, _filter(where), exact=True)
        return counted.count

    async def facet(
        self, collection: str, key: str, *, where: Condition, limit: int = 100
    ) -> dict[str, int]:
        async with self._request():
            found = await self._client.facet(
                collection, key, facet_filter=_filter(where), limit=limit, exact=True
            )
        return {str(hit.value): hit.count for hit in found.hits}

    async def optimize(self) -> None:
        return None

    async def ping(self) -> None:
        await self.collections()

    async def close(self) -> None:
        await self._client.close()

    async def _create(self, spec: CollectionSpec) -> None:
        try:
            await self._client.create_collection(
                spec.name,
                vectors_config={
                    _DENSE: models.VectorParams(
                        size=spec.dimension, distance=models.Distance.COSINE
                    )
                },
                sparse_vectors_config={
                    _SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)
                },
                shard_number=spec.shards,
                replication_factor=spec.replicas,
            )
        except UnexpectedResponse as error:
            if error.status_code != 409:  # another session has just created it
                raise

    @asynccontextmanager
    async def _request(self) -> AsyncIterator[None]:
        """The one place where a request is bounded in time and its errors become ours."""
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except HybridError:
            raise
        except TimeoutError as error:
            raise self._unavailable(f"no answer within {self._timeout:g} s") from error
        except ResponseHandlingException as error:
            raise self._unavailable(repr(error.source)) from error
        except (JSONDecodeError, AssertionError) as error:
            # A proxy's page, say; the client asserts that an answer holds a result.
            raise self._unavailable(f"not an answer of Qdrant's ({error})") from error
        except UnexpectedResponse as error:
            raise self._refused(error) from error
        except QdrantException as error:  # told to come back later
            raise self._unavailable(str(error)) from error
        except (TypeError, ValueError, OverflowError) as error:
            # The client refuses before it sends; in memory it is the engine as well.
            if str(error).endswith("not found"):
                raise NotFoundError(f"{self._place}: {error}") from error
            raise InvalidArgumentError("index request", str(error)) from error

    def _unavailable(self, cause: str) -> IndexUnavailableError:
        return IndexUnavailableError(
            f"{self._place} does not answer: {cause}; start it or correct QDRANT_URL"
        )

    def _refused(self, error: UnexpectedResponse) -> HybridError:
        said = error.content.decode("utf-8", "replace").strip()[:300] or error.reason_phrase
        cause = f"{self._place} answered {error.status_code}: {said}"
        if error.status_code == 404:
            return NotFoundError(cause)
        if error.status_code in (401, 403):
            return StorageError(f"{cause}; check QDRANT_API_KEY")
        if error.status_code in _UNAVAILABLE:
            return self._unavailable(f"{error.status_code} {said}")
        return StorageError(cause)


def _index_params(
    field: str, kind: IndexKind
) -> models.PayloadSchemaType | models.KeywordIndexParams:
    if field == TENANT_FIELD and kind is IndexKind.KEYWORD:
        # Keeps the points of a project together on disk, and each project's graph its own.
        return models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
    return models.PayloadSchemaType(kind.value)


def _filter(*where: Condition) -> models.Filter | None:
    conditions = [_condition(key, value) for each in where for key, value in each.items()]
    return models.Filter(must=[*conditions]) if conditions else None


def _condition(
    key: str, value: str | Sequence[str | None]
) -> models.FieldCondition | models.Filter:
    if isinstance(value, str):
        return models.FieldCondition(key=key, match=models.MatchValue(value=value))
    given = [each for each in value if each is not None]
    equals = models.FieldCondition(key=key, match=models.MatchAny(any=given))
    if len(given) == len(value):
        return equals
    missing = models.IsEmptyCondition(is_empty=models.PayloadField(key=key))
    return models.Filter(should=[equals, missing])


def _prefetch(ranking: Ranking, limit: int) -> models.Prefetch:
    by, using = ranking.by, _DENSE
    query: models.SparseVector | list[float]
    if isinstance(by, SparseText):
        using = _SPARSE
        query = models.SparseVector(indices=list(by.indices), values=list(by.values))
    else:
        query = list(by)
    return models.Prefetch(query=query, using=using, filter=_filter(*ranking.where), limit=limit)


def _point(given: IndexPoint) -> models.PointStruct:
    point = told_apart(given)
    vectors: dict[str, models.Vector] = {}
    if point.dense is not None:
        vectors[_DENSE] = list(point.dense)
    if point.sparse.indices:
        vectors[_SPARSE] = models.SparseVector(
            indices=list(point.sparse.indices), values=list(point.sparse.values)
        )
    return models.PointStruct(id=point.id, vector=vectors, payload=dict(point.payload))
