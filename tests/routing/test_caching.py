"""The cache of answers: what counts as the same request, what is kept, and what is never served."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from hybrid_coordinator.domain.ask import AskRequest, FileText
from hybrid_coordinator.domain.reply import AnswerChecks, Attempt, Reply
from hybrid_coordinator.domain.route import Complexity, TaskType, Tier
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.routing.caching import AnswerCache, Question
from hybrid_coordinator.settings import RoutingSettings
from hybrid_coordinator.storage.postgres.answers import Answers
from hybrid_coordinator.storage.postgres.database import Database

ATTEMPT = Attempt("m", "http://127.0.0.1:1", Tier.LOCAL_FAST, 5, 0.9, "ok")
REPLY = Reply(
    response="Yes.",
    model="m",
    endpoint="http://127.0.0.1:1",
    tier=Tier.LOCAL_QUALITY,
    task_type=TaskType.QUESTION,
    complexity=Complexity.SIMPLE,
    confidence=0.9,
    checks=AnswerChecks(1.0, 1.0, 0.8),
    attempts=(ATTEMPT,),
    tokens_in=10,
    tokens_out=2,
    tokens_per_second=50.0,
    first_token_ms=5,
    latency_ms=40,
    cost_usd=0.02,
    cached=False,
    notices=("max_tokens was lowered",),
)
REQUEST = AskRequest(
    "Is it done?",
    files=(FileText("a.py", "x = 1"),),
    context="from the project",
    system="Be brief.",
    json_schema={"type": "string"},
)


def question(request: AskRequest = REQUEST, **more: Any) -> Question:
    values: dict[str, Any] = {
        "project": "p",
        "models": ("m", "n"),
        "tiers": (Tier.LOCAL_FAST, Tier.LOCAL_QUALITY),
        "threshold": 0.7,
        "rules": "r1",
        **more,
    }
    return Question(request, **values)


class Clock:
    def __init__(self) -> None:
        self.now = dt.datetime.now(tz=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now


class Words:
    """Vectors by words: good enough to be near where texts share most of them."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    async def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        vectors = []
        for text in texts:
            vector = [0.0] * 64
            for word in text.lower().split():
                vector[self.places.setdefault(word.strip("?.,"), len(self.places))] += 1.0
            length = math.sqrt(sum(value * value for value in vector))
            vectors.append([value / length for value in vector])
        return vectors


def cache_of(
    database: Database, clock: Clock | None = None, embed: Words | None = None, **settings: Any
) -> AnswerCache:
    return AnswerCache(Answers(database), RoutingSettings(**settings), embed, clock or Clock())


async def test_the_same_request_gets_the_recorded_answer_at_no_cost(database: Database):
    cache = cache_of(database)
    assert await cache.find(question()) is None
    assert await cache.keep(question(), REPLY)
    found = await cache.find(question())
    assert found is not None
    assert found.cached
    assert found.cost_usd == 0.0
    assert found.attempts == ()
    assert found.notices[0] == "max_tokens was lowered"
    assert "a recorded answer, 0 min old" in found.notices[1]
    same = replace(found, cached=False, cost_usd=0.02, attempts=(ATTEMPT,), notices=REPLY.notices)
    assert same == REPLY


CHANGES: list[dict[str, Any]] = [
    {"prompt": "Is it done now?"},
    {"task_type": TaskType.DEBUGGING},
    {"files": (FileText("a.py", "x = 2"),)},
    {"files": (FileText("b.py", "x = 1"),)},
    {"context": "from elsewhere"},
    {"system": None},
    {"json_schema": {"type": "number"}},
    {"max_tokens": 1000},
    {"temperature": 0.3},
    {"quality_critical": True},
    {"prefer_local": False},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_every_part_of_a_request_is_part_of_its_key(change: dict[str, Any]):
    changed = question(replace(REQUEST, **change))
    assert changed.key != question().key
    assert (changed.family == question().family) == ("prompt" in change)


@pytest.mark.parametrize(
    "change",
    [
        {"models": ("m",)},
        {"tiers": (Tier.LOCAL_FAST,)},
        {"threshold": 0.8},
        {"rules": "r2"},
        {"mode": "ensemble"},
        {"project": "q"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_so_is_what_else_decides(change: dict[str, Any]):
    assert question(**change).key != question().key
    assert question(**change).family != question().family


def test_only_the_same_question_is_one_whoever_asks_it():
    elsewhere = question(replace(REQUEST, user="alice"))
    assert elsewhere.key == question().key
    assert elsewhere.family != question().family


def test_a_request_without_context_is_the_same_in_every_project():
    bare = replace(REQUEST, context="")
    assert question(bare, project="q").key == question(bare).key


def test_the_order_in_which_models_were_found_does_not_matter():
    assert question(models=("n", "m")).key == question().key


def test_texts_that_are_no_proper_unicode_have_a_key():
    assert question(AskRequest("\ud800")).key != question(AskRequest("?")).key


@pytest.mark.parametrize(
    "reply",
    [replace(REPLY, confidence=0.69), replace(REPLY, cached=True)],
    ids=["failed its check", "from the cache"],
)
async def test_what_is_not_kept(database: Database, reply: Reply):
    cache = cache_of(database)
    assert not await cache.keep(question(), reply)
    assert await cache.find(question()) is None


async def test_a_critical_request_gets_no_answer_of_a_weaker_tier(database: Database):
    cache = cache_of(database)
    critical = question(replace(REQUEST, quality_critical=True))
    assert not await cache.keep(critical, replace(REPLY, tier=Tier.LOCAL_FAST))
    assert await cache.keep(question(), REPLY)
    assert await cache.find(critical) is None
    assert await cache.keep(critical, REPLY)
    assert await cache.find(critical) is not None


async def test_an_answer_has_its_life_time(database: Database):
    clock = Clock()
    cache = cache_of(database, clock, cache_hours=2)
    await cache.keep(question(), REPLY)
    clock.now += dt.timedelta(hours=1, minutes=59)
    found = await cache.find(question())
    assert found is not None
    assert "119 min old" in found.notices[-1]
    clock.now += dt.timedelta(minutes=2)
    assert await cache.find(question()) is None


@pytest.mark.parametrize("off", [{"cache_hours": 0}, {"cache_megabytes": 0}])
async def test_it_can_be_switched_off(database: Database, off: dict[str, float]):
    cache = cache_of(database, **off)
    assert not await cache.keep(question(), REPLY)
    assert await cache.find(question()) is None


@pytest.mark.parametrize(
    "damage",
    [
        """answer = '{"response": "Yes."}'""",
        """answer = '"Yes."'""",
        "answer = 'null'",
        "answer = '[]'",
        """answer = jsonb_set(answer, '{tier}', '"NO_SUCH_TIER"')""",
        "answer = answer - 'checks'",
    ],
)
async def test_a_damaged_or_outdated_row_is_a_miss_and_goes(database: Database, damage: str):
    cache = cache_of(database)
    await cache.keep(question(), REPLY)
    await database.execute(f"UPDATE cached_answers SET {damage}")
    assert await cache.find(question()) is None
    assert await Answers(database).totals() == (0, 0)


def asked(number: int) -> Question:
    return question(AskRequest(f"Number {number}?"))


async def test_the_least_recently_used_go_first(database: Database):
    answers = Answers(database)
    await cache_of(database).keep(asked(1), REPLY)
    _, size = await answers.totals()
    cache = cache_of(database, cache_megabytes=3.5 * size / 1e6)
    for number in (2, 3):
        await cache.keep(asked(number), REPLY)
    assert await cache.find(asked(1)) is not None
    await cache.keep(asked(4), REPLY)
    left = [number for number in range(1, 5) if await cache.find(asked(number)) is not None]
    assert left == [1, 3, 4]


@pytest.mark.parametrize("prompt", ["Is it\0 done?", "Is it \ud800 done?"])
async def test_a_prompt_that_postgres_cannot_hold_is_found_again(database: Database, prompt: str):
    cache = cache_of(database)
    assert await cache.keep(question(AskRequest(prompt)), REPLY)
    assert await cache.find(question(AskRequest(prompt))) is not None
    assert await cache.find(question(AskRequest("Is it\ufffd done?"))) is None


async def test_an_answer_with_a_secret_is_not_kept(database: Database):
    cache = cache_of(database)
    secret = replace(REPLY, response="The key is sk-ant-api03-" + "A1b2C3d4" * 10)
    assert not await cache.keep(question(), secret)
    known = AnswerCache(Answers(database), RoutingSettings(), scrubber=Scrubber(["hunter2hunter2"]))
    assert not await known.keep(question(), replace(REPLY, response="It is hunter2hunter2."))
    assert await Answers(database).totals() == (0, 0)


async def test_one_too_large_by_itself_drives_out_nothing(database: Database):
    cache = cache_of(database, cache_megabytes=0.002)
    await cache.keep(asked(1), REPLY)
    assert not await cache.keep(asked(2), replace(REPLY, response="x" * 2000))
    assert await cache.find(asked(1)) is not None


async def test_the_bound_holds_with_several_writers(dsn: str):
    databases = [await Database.connect(dsn, timeout=20) for _ in range(3)]
    caches = [cache_of(each, cache_megabytes=0.02) for each in databases]
    most = 0

    async def write(worker: int) -> None:
        nonlocal most
        for number in range(20):
            await caches[worker % 3].keep(asked(100 * worker + number), REPLY)
            most = max(most, (await Answers(databases[worker % 3]).totals())[1])

    await asyncio.gather(*(write(worker) for worker in range(6)))
    assert 15_000 < most <= 20_000
    for each in databases:
        await each.close()


ALIKE = "Please tell me whether the build of the server is done now"
REWORDED = "Tell me please whether the build of the server is done"


async def test_by_meaning_only_where_it_was_asked_for(database: Database):
    embed = Words()
    for on in (False, True):
        cache = cache_of(database, embed=embed, semantic_cache=on)
        await cache.keep(question(AskRequest(ALIKE)), REPLY)
        found = await cache.find(question(AskRequest(REWORDED)))
        assert (found is not None) == on
    assert found is not None
    assert f"it was asked as: {ALIKE}" in found.notices


@pytest.mark.parametrize(
    "other",
    [
        AskRequest("Tell me please whether the build of the server is not done"),
        AskRequest("Tell me please whether the build of server 2 is done"),
        AskRequest("Paint a picture of autumn leaves over a quiet river"),
        AskRequest(REWORDED, system="Be brief."),
        AskRequest(REWORDED, files=(FileText("a", "b"),)),
        AskRequest(REWORDED, temperature=0.9),
    ],
)
async def test_by_meaning_never_with_other_particulars_or_material(
    database: Database, other: AskRequest
):
    cache = cache_of(database, embed=Words(), semantic_cache=True)
    await cache.keep(question(AskRequest(ALIKE)), REPLY)
    assert await cache.find(question(AskRequest(REWORDED))) is not None
    assert await cache.find(question(other)) is None


async def test_vectors_of_another_embedder_are_passed_over(database: Database):
    await cache_of(database, embed=Words(), semantic_cache=True).keep(
        question(AskRequest(ALIKE)), REPLY
    )

    async def other(texts: Sequence[str]) -> list[list[float]]:
        return [[1.0, 0.0] for _ in texts]

    cache = AnswerCache(Answers(database), RoutingSettings(semantic_cache=True), other)
    assert await cache.find(question(AskRequest(REWORDED))) is None
