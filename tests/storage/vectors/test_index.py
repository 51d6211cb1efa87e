"""What a vector index must do, over both engines with one body."""

from __future__ import annotations

import asyncio
import math
import random
import statistics
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path

import pytest

from hybrid_coordinator.errors import InvalidArgumentError, NotFoundError
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.client import ClientIndex
from hybrid_coordinator.storage.vectors.edge import EdgeIndex
from hybrid_coordinator.storage.vectors.protocol import (
    CollectionSpec,
    IndexKind,
    IndexPoint,
    ScoredHit,
    SparseText,
    VectorIndex,
)

DIMENSION = 8
NAME = "codebase-context"
SPEC = CollectionSpec(
    NAME, DIMENSION, {"project": IndexKind.KEYWORD, "language": IndexKind.KEYWORD}
)
BM25 = Bm25Encoder()


def identifier(number: int) -> str:
    return str(uuid.UUID(int=number))


def axis(number: int) -> list[float]:
    return [1.0 if place == number else 0.0 for place in range(DIMENSION)]


def point(
    number: int, text: str, dense: Sequence[float] | None = None, **payload: object
) -> IndexPoint:
    fields = {"project": "one", "text": text, **payload}
    return IndexPoint(identifier(number), dense, BM25.document(text), fields)  # type: ignore[arg-type]


def numbers(hits: Sequence[ScoredHit]) -> list[int]:
    return [uuid.UUID(hit.id).int for hit in hits]


@asynccontextmanager
async def opened(engine: str, directory: Path) -> AsyncIterator[VectorIndex]:
    index: VectorIndex = (
        await EdgeIndex.open(directory) if engine == "edge" else ClientIndex.in_memory()
    )
    try:
        await index.create(SPEC)
        yield index
    finally:
        await index.close()


@pytest.fixture(params=["edge", "client"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VectorIndex]:
    async with opened(request.param, tmp_path / "qdrant") as made:
        yield made


async def test_creating_twice_keeps_the_points(index: VectorIndex) -> None:
    await index.upsert(NAME, [point(1, "hello")])
    await index.create(SPEC)
    assert await index.count(NAME, {}) == 1


async def test_every_kind_of_payload_index_can_be_made(index: VectorIndex) -> None:
    await index.create(CollectionSpec("all-kinds", 4, {kind.value: kind for kind in IndexKind}))
    payload = {"keyword": "a", "integer": 1, "float": 0.5, "bool": True, "datetime": "2026-01-02"}
    await index.upsert("all-kinds", [IndexPoint(identifier(1), None, SparseText((), ()), payload)])
    assert await index.facet("all-kinds", "keyword", where={}) == {"a": 1}


async def test_collections_are_listed_by_name(index: VectorIndex) -> None:
    await index.create(CollectionSpec("best-practices", 4))
    assert await index.collections() == ["best-practices", NAME]


async def test_drop_removes_everything_and_may_be_repeated(index: VectorIndex) -> None:
    await index.upsert(NAME, [point(1, "hello")])
    await index.drop(NAME)
    await index.drop(NAME)
    assert await index.collections() == []
    await index.create(SPEC)
    assert await index.count(NAME, {}) == 0


async def test_an_unknown_collection_is_not_found_by_any_method(index: VectorIndex) -> None:
    text = BM25.query("hello")
    calls = [
        index.upsert("gone", [point(1, "hello")]),
        index.hybrid("gone", dense=axis(0), sparse=text, where={}, limit=1),
        index.nearest("gone", axis(0), where={}, limit=1),
        index.matching("gone", text, where={}, limit=1),
        index.set_payload("gone", [identifier(1)], {"a": 1}),
        index.delete("gone", [identifier(1)]),
        index.delete_where("gone", {"project": "one"}),
        index.get("gone", [identifier(1)]),
        index.scroll("gone", where={}, limit=1),
        index.count("gone", {}),
        index.facet("gone", "project", where={}),
    ]
    for call in calls:
        with pytest.raises(NotFoundError, match="gone"):
            await call


async def test_an_upsert_replaces_the_point_of_the_same_id(index: VectorIndex) -> None:
    await index.upsert(NAME, [point(1, "apple", axis(0), language="python")])
    await index.upsert(NAME, [point(1, "banana", axis(1))])
    assert await index.count(NAME, {}) == 1
    (found,) = await index.get(NAME, [identifier(1)])
    assert found.payload == {"project": "one", "text": "banana"}
    assert await index.matching(NAME, BM25.query("apple"), where={}, limit=5) == []
    (hit,) = await index.nearest(NAME, axis(1), where={}, limit=5)
    assert math.isclose(hit.score, 1.0, abs_tol=1e-5)


async def test_replacing_a_point_without_its_dense_vector_takes_the_old_one_away(
    index: VectorIndex,
) -> None:
    await index.upsert(NAME, [point(1, "apple", axis(0))])
    await index.upsert(NAME, [point(1, "apple")])
    assert await index.nearest(NAME, axis(0), where={}, limit=5) == []


async def test_nearest_ranks_by_cosine(index: VectorIndex) -> None:
    half = [1.0, 1.0] + [0.0] * (DIMENSION - 2)
    opposite = [-2.0] + [0.0] * (DIMENSION - 1)
    await index.upsert(
        NAME, [point(1, "a", opposite), point(2, "b", half), point(3, "c", [5.0, *axis(0)[1:]])]
    )
    hits = await index.nearest(NAME, axis(0), where={}, limit=3)
    assert numbers(hits) == [3, 2, 1]
    assert [hit.score for hit in hits] == pytest.approx([1.0, math.sqrt(0.5), -1.0], abs=1e-5)
    assert hits[0].payload == {"project": "one", "text": "c"}


async def test_matching_prefers_rare_words(index: VectorIndex) -> None:
    common = [point(number, "parse the request body") for number in range(10, 30)]
    await index.upsert(NAME, [*common, point(1, "parse"), point(2, "frobnicate the request")])
    hits = await index.matching(NAME, BM25.query("frobnicate parse"), where={}, limit=3)
    assert numbers(hits)[0] == 2
    assert all(hit.score > 0 for hit in hits)


async def test_matching_finds_parts_of_identifiers(index: VectorIndex) -> None:
    await index.upsert(NAME, [point(1, "class HTTPServerError: ..."), point(2, "def other(): ...")])
    for query in ("server error", "http_server_error", "HTTPServerError", "httpServerError"):
        assert numbers(await index.matching(NAME, BM25.query(query), where={}, limit=5)) == [1]


async def test_a_question_without_a_word_matches_nothing(index: VectorIndex) -> None:
    await index.upsert(NAME, [point(1, "hello", axis(0))])
    nothing = BM25.query("?!")
    assert nothing == SparseText((), ())
    assert await index.matching(NAME, nothing, where={}, limit=5) == []
    assert await index.hybrid(NAME, dense=None, sparse=nothing, where={}, limit=5) == []
    assert await index.hybrid(NAME, dense=None, sparse=None, where={}, limit=5) == []
    hits = await index.hybrid(NAME, dense=axis(0), sparse=nothing, where={}, limit=5)
    assert numbers(hits) == [1]


async def test_creating_again_makes_the_payload_indexes_that_are_missing(
    index: VectorIndex,
) -> None:
    spec = CollectionSpec("grown", 2, {"project": IndexKind.KEYWORD})
    await index.create(spec)
    await index.upsert(
        "grown", [point(1, "a", [1.0, 0.0], kind="x"), point(2, "b", [0.0, 1.0], kind="y")]
    )
    later = CollectionSpec("grown", 2, {**spec.indexes, "kind": IndexKind.KEYWORD})
    for _ in range(2):
        await index.create(later)
        assert await index.facet("grown", "kind", where={}) == {"x": 1, "y": 1}


async def test_similarities_are_of_the_named_points_alone(index: VectorIndex) -> None:
    half = [0.5**0.5, 0.5**0.5, *axis(0)[2:]]
    await index.upsert(
        NAME, [point(1, "a", axis(0)), point(2, "b", half), point(3, "c"), point(4, "d", axis(0))]
    )
    ids = [str(uuid.UUID(int=number)) for number in (2, 1, 3, 9)]
    found = await index.similarities(NAME, ids, axis(0))
    assert found == {ids[1]: pytest.approx(1.0), ids[0]: pytest.approx(0.5**0.5)}
    assert await index.similarities(NAME, [], axis(0)) == {}


async def test_hybrid_adds_the_scores_of_both_rankings_on_one_scale(index: VectorIndex) -> None:
    near = [0.9, (1 - 0.81) ** 0.5, *axis(0)[2:]]
    await index.upsert(
        NAME,
        [
            point(1 << 16, "alpha", axis(0)),
            point(2 << 16, "beta beta beta", near),
            point(3 << 16, "beta gamma delta epsilon", axis(3)),
        ],
    )
    words = BM25.query("beta")
    ranked = [
        await index.nearest(NAME, axis(0), where={}, limit=3),
        await index.matching(NAME, words, where={}, limit=3),
    ]
    expected: dict[str, float] = {}
    for hits in ranked:
        scores = [hit.score for hit in hits]
        low = statistics.mean(scores) - 3 * statistics.stdev(scores)
        for hit in hits:
            place = (hit.score - low) / (6 * statistics.stdev(scores))
            expected[hit.id] = expected.get(hit.id, 0) + place

    fused = await index.hybrid(NAME, dense=axis(0), sparse=words, where={}, limit=3)
    assert {hit.id: hit.score for hit in fused} == pytest.approx(expected, rel=1e-4)
    assert numbers(fused)[0] == 2 << 16


async def test_hybrid_with_one_part_goes_by_that_part(index: VectorIndex) -> None:
    # The lower half of an id raises a point's weight by a hair: here it has no say.
    await index.upsert(
        NAME, [point(1 << 16, "alpha", axis(0)), point(2, "beta", axis(1)), point(3 << 16, "alpha")]
    )
    dense = await index.hybrid(NAME, dense=axis(1), sparse=None, where={}, limit=1)
    assert numbers(dense) == [2]
    sparse = await index.hybrid(NAME, dense=None, sparse=BM25.query("alpha"), where={}, limit=5)
    assert numbers(sparse) == [1 << 16, 3 << 16]


async def test_a_ranking_within_a_condition_brings_in_what_common_words_bury(
    index: VectorIndex,
) -> None:
    uses = [point(number, "call frobnicate here", axis(0)) for number in range(10, 60)]
    definition = point(
        1, f"frobnicate {'other words entirely ' * 60}", axis(5), defines=["frobnicate", "x"]
    )
    elsewhere = point(2, "frobnicate", axis(5), defines=["frobnicate"], project="two")
    await index.upsert(NAME, [*uses, definition, elsewhere])
    # More than both rankings have together: what none but the third has comes behind them.
    parts = {"where": {"project": "one"}, "limit": 45, "candidates": 20}
    words, also = BM25.query("frobnicate"), [{"defines": ["frobnicate"]}, {"defines": ["no"]}]
    for dense in (axis(0), None):
        buried = await index.hybrid(NAME, dense=dense, sparse=words, **parts)
        assert 1 not in numbers(buried)
        found = await index.hybrid(NAME, dense=dense, sparse=words, also=also, **parts)
        assert 1 in numbers(found)
        assert 2 not in numbers(found)
    found = await index.hybrid(NAME, dense=axis(0), sparse=None, also=also, **parts)
    assert 1 in numbers(found)


async def test_points_of_equal_score_come_in_one_order_on_every_engine(tmp_path: Path) -> None:
    # Ids as they are made, since a hair of each point's weight comes from its id.
    ids = [str(uuid.uuid5(uuid.NAMESPACE_URL, str(n))) for n in range(200)]
    same = [IndexPoint(each, axis(0), BM25.document("alpha beta"), {}) for each in ids]
    random.Random(7).shuffle(same)
    async with opened("edge", tmp_path / "qdrant") as edge, opened("client", tmp_path) as client:
        found = []
        for index in (edge, client):
            await index.upsert(NAME, same)
            found.append(
                [
                    hit.id
                    for hit in await index.matching(NAME, BM25.query("beta"), where={}, limit=9)
                ]
            )
        assert found[0] == found[1]


async def test_hybrid_returns_more_than_its_candidates_when_asked(index: VectorIndex) -> None:
    await index.upsert(NAME, [point(number, "alpha", axis(0)) for number in range(1, 31)])
    hits = await index.hybrid(
        NAME, dense=axis(0), sparse=BM25.query("alpha"), where={}, limit=30, candidates=5
    )
    assert sorted(numbers(hits)) == list(range(1, 31))


async def test_a_point_without_a_dense_vector_is_found_by_its_words(index: VectorIndex) -> None:
    await index.upsert(NAME, [point(1, "alpha"), point(2, "beta", axis(0)), point(3, "...")])
    hits = await index.hybrid(NAME, dense=axis(0), sparse=BM25.query("alpha"), where={}, limit=5)
    assert sorted(numbers(hits)) == [1, 2]
    assert await index.count(NAME, {}) == 3


async def test_conditions_hold_for_every_kind_of_query(index: VectorIndex) -> None:
    await index.upsert(
        NAME,
        [
            point(1, "alpha", axis(0), project="one", language="python"),
            point(2, "alpha", axis(0), project="two", language="python"),
            point(3, "alpha", axis(0), project="global", language="rust"),
            point(4, "alpha", axis(0), project="two", language=["rust", "python"], user="alice"),
        ],
    )
    expected = {
        (): [1, 2, 3, 4],
        (("project", "two"),): [2, 4],
        (("project", ("one", "global")),): [1, 3],
        (("project", ("two", "global")), ("language", "rust")): [3, 4],
        (("project", ()),): [],
        (("project", "nowhere"),): [],
        (("user", ("alice",)),): [4],
        (("user", (None,)),): [1, 2, 3],
        (("user", ("alice", None)),): [1, 2, 3, 4],
        (("user", ("bob", None)), ("project", "two")): [2],
    }
    words = BM25.query("alpha")
    for conditions, wanted in expected.items():
        where = dict(conditions)
        found = [
            await index.hybrid(NAME, dense=axis(0), sparse=words, where=where, limit=9),
            await index.nearest(NAME, axis(0), where=where, limit=9),
            await index.matching(NAME, words, where=where, limit=9),
        ]
        assert [sorted(numbers(hits)) for hits in found] == [wanted] * 3, where
        page, _ = await index.scroll(NAME, where=where, limit=9)
        assert [uuid.UUID(stored.id).int for stored in page] == wanted
        assert await index.count(NAME, where) == len(wanted)


async def test_set_payload_leaves_other_fields_and_unknown_points_alone(
    index: VectorIndex,
) -> None:
    await index.upsert(NAME, [point(1, "alpha", language="python"), point(2, "beta")])
    await index.set_payload(NAME, [identifier(1), identifier(99)], {"language": "c", "uses": 3})
    stored = {
        found.id: found.payload for found in await index.get(NAME, [identifier(1), identifier(2)])
    }
    assert stored == {
        identifier(1): {"project": "one", "text": "alpha", "language": "c", "uses": 3},
        identifier(2): {"project": "one", "text": "beta"},
    }
    assert await index.count(NAME, {"language": "c"}) == 1
    assert await index.count(NAME, {}) == 2


async def test_delete_ignores_unknown_ids(index: VectorIndex) -> None:
    await index.upsert(NAME, [point(1, "alpha", axis(0)), point(2, "alpha", axis(0))])
    await index.delete(NAME, [identifier(1), identifier(99)])
    assert numbers(await index.nearest(NAME, axis(0), where={}, limit=5)) == [2]
    assert numbers(await index.matching(NAME, BM25.query("alpha"), where={}, limit=5)) == [2]


async def test_delete_where_needs_a_condition(index: VectorIndex) -> None:
    await index.upsert(NAME, [point(n, "alpha", project=f"p{n % 3}") for n in range(9)])
    await index.delete_where(NAME, {"project": ["p0", "p1"]})
    assert await index.facet(NAME, "project", where={}) == {"p2": 3}
    with pytest.raises(InvalidArgumentError, match="where"):
        await index.delete_where(NAME, {})
    assert await index.count(NAME, {}) == 3


async def test_get_returns_what_exists(index: VectorIndex) -> None:
    await index.upsert(NAME, [point(1, "alpha")])
    found = await index.get(NAME, [identifier(2), identifier(1)])
    assert [stored.id for stored in found] == [identifier(1)]


async def test_ids_come_back_as_they_were_given(index: VectorIndex) -> None:
    made = str(uuid.uuid5(uuid.NAMESPACE_URL, "a chunk"))
    await index.upsert(NAME, [IndexPoint(made, axis(0), BM25.document("alpha"), {})])
    page, _ = await index.scroll(NAME, where={}, limit=1)
    found = await index.get(NAME, [made])
    hits = await index.nearest(NAME, axis(0), where={}, limit=1)
    assert [page[0].id, found[0].id, hits[0].id] == [made] * 3


async def test_scroll_pages_in_id_order(index: VectorIndex) -> None:
    order = list(range(1, 251))
    random.Random(5).shuffle(order)
    await index.upsert(NAME, [point(n, "alpha", project=f"p{n % 2}") for n in order])
    seen: list[int] = []
    cursor: str | None = None
    pages = 0
    while True:
        page, cursor = await index.scroll(NAME, where={"project": "p1"}, limit=50, after=cursor)
        seen += [uuid.UUID(stored.id).int for stored in page]
        pages += 1
        if cursor is None:
            break
    assert seen == list(range(1, 251, 2))
    assert pages == 3


async def test_facet_counts_exactly_and_keeps_its_limit(index: VectorIndex) -> None:
    await index.upsert(
        NAME, [point(n, "alpha", project=f"p{n % 7}", language="py") for n in range(700)]
    )
    assert await index.facet(NAME, "project", where={}) == {f"p{n}": 100 for n in range(7)}
    assert await index.facet(NAME, "language", where={"project": ["p1", "p2"]}) == {"py": 200}
    assert len(await index.facet(NAME, "project", where={}, limit=3)) == 3


async def test_payloads_come_back_as_they_were(index: VectorIndex) -> None:
    payload = {
        "text": 'naïve 日本語 🦀 \u0000 \u2028 "quoted" \\ end',
        "empty": "",
        "none": None,
        "flag": True,
        "count": 2**53,
        "negative": -7,
        "ratio": 0.1,
        "list": [1, "two", None, [3.5, False]],
        "nested": {"deep": {"er": ["x", {"y": None}]}, "ключ": "значение"},
        "long": "x" * 200_000,
    }
    await index.upsert(NAME, [IndexPoint(identifier(1), axis(0), BM25.document("alpha"), payload)])
    (found,) = await index.get(NAME, [identifier(1)])
    (hit,) = await index.nearest(NAME, axis(0), where={}, limit=1)
    assert found.payload == payload
    assert hit.payload == payload


async def test_an_empty_batch_changes_nothing(index: VectorIndex) -> None:
    await index.upsert(NAME, [])
    assert await index.count(NAME, {}) == 0


async def test_a_large_batch_is_stored_whole(index: VectorIndex) -> None:
    rng = random.Random(3)
    batch = [
        point(n, f"word{n} common", [rng.gauss(0, 1) for _ in range(DIMENSION)])
        for n in range(1, 5001)
    ]
    await index.upsert(NAME, batch)
    assert await index.count(NAME, {}) == 5000
    for n in (1, 256, 257, 4999, 5000):
        assert numbers(await index.matching(NAME, BM25.query(f"word{n}"), where={}, limit=1)) == [n]


async def test_writes_and_queries_may_overlap(index: VectorIndex) -> None:
    async def write(start: int) -> None:
        for first in range(start, start + 200, 20):
            await index.upsert(
                NAME,
                [point(n, "alpha beta", axis(n % DIMENSION)) for n in range(first, first + 20)],
            )
        await index.delete(NAME, [identifier(start)])

    async def read() -> None:
        for _ in range(30):
            hits = await index.hybrid(
                NAME, dense=axis(1), sparse=BM25.query("alpha"), where={"project": "one"}, limit=10
            )
            assert all(hit.payload["text"] == "alpha beta" for hit in hits)

    async def compact() -> None:
        for _ in range(5):
            await index.optimize()

    await asyncio.gather(*(write(start) for start in (1000, 2000, 3000)), read(), read(), compact())
    assert await index.count(NAME, {}) == 3 * 199


async def test_optimize_keeps_every_point(index: VectorIndex) -> None:
    await index.upsert(NAME, [point(n, f"word{n}", axis(n % DIMENSION)) for n in range(1, 1501)])
    await index.delete(NAME, [identifier(n) for n in range(1, 1001)])
    await index.optimize()
    assert await index.count(NAME, {}) == 500
    assert numbers(await index.matching(NAME, BM25.query("word1234"), where={}, limit=1)) == [1234]


async def test_a_vector_of_another_dimension_is_refused_and_harms_nothing(
    index: VectorIndex,
) -> None:
    await index.upsert(NAME, [point(1, "alpha", axis(0))])
    with pytest.raises(Exception, match=r"dim|shape|size") as caught:
        await index.upsert(NAME, [point(2, "alpha", [1.0, 2.0])])
    assert type(caught.value).__module__ == "hybrid_coordinator.errors"
    await index.upsert(NAME, [point(3, "alpha", axis(0))])
    assert await index.count(NAME, {}) == 2


async def test_a_malformed_id_is_refused(index: VectorIndex) -> None:
    with pytest.raises(InvalidArgumentError):
        await index.upsert(NAME, [IndexPoint("no uuid", None, BM25.document("alpha"), {})])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_vector_that_is_not_finite_cannot_be_made_a_point(value: float) -> None:
    with pytest.raises(InvalidArgumentError, match="dense"):
        IndexPoint(identifier(1), [value, *axis(0)[1:]], SparseText((), ()), {})


def test_a_sparse_vector_needs_a_weight_for_each_term() -> None:
    with pytest.raises(InvalidArgumentError, match="sparse"):
        SparseText((1, 2), (1.0,))


async def test_ping_answers(index: VectorIndex) -> None:
    await index.ping()


def groups(hits: Sequence[ScoredHit]) -> Iterator[set[str]]:
    """The ids of hits of equal score, best first, without the last score, which ``limit`` cuts."""
    levels = [
        {hit.id for hit in tied} for _, tied in groupby(hits, key=lambda hit: round(hit.score, 5))
    ]
    yield from levels[:-1]


async def test_both_engines_rank_alike(tmp_path: Path) -> None:
    # Without deletions: Edge, as the server, counts deleted points in the document frequencies
    # until they are compacted, the engine in memory does not.
    rng = random.Random(11)
    terms = range(400)
    likelihood = [1 / (term + 1) for term in terms]

    def words(count: int) -> SparseText:
        # Random weights, since documents of equal weight may come in any order.
        chosen = sorted(set(rng.choices(terms, likelihood, k=count)))
        return SparseText(tuple(chosen), tuple(rng.uniform(0.5, 2.0) for _ in chosen))

    def direction() -> list[float]:
        return [rng.gauss(0, 1) for _ in range(DIMENSION)]

    points = [
        IndexPoint(
            identifier(n),
            direction() if n % 10 else None,
            words(rng.randint(5, 200)),
            {"project": f"p{n % 3}"},
        )
        for n in range(1, 301)
    ]
    async with (
        opened("edge", tmp_path / "qdrant") as edge,
        opened("client", tmp_path) as client,
    ):
        for index in (edge, client):
            await index.upsert(NAME, points)
        for _ in range(20):
            dense, sparse = direction(), words(6)
            where = {"project": ["p0", "p2"]} if rng.random() < 0.5 else {}
            for parts in ((dense, sparse), (dense, None), (None, sparse)):
                one, two = [
                    await index.hybrid(NAME, dense=parts[0], sparse=parts[1], where=where, limit=10)
                    for index in (edge, client)
                ]
                assert [hit.score for hit in one] == pytest.approx(
                    [hit.score for hit in two], rel=1e-4
                )
                assert list(groups(one)) == list(groups(two))
                assert len(one) == 10 or parts[0] is None
