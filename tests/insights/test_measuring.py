"""What a scrape gives: counts of the process, and figures of the record that are read behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hybrid_coordinator.domain import metrics
from hybrid_coordinator.domain.insights import BreakerInsight, EndpointInsight
from hybrid_coordinator.domain.metrics import BUCKETS, Distribution, MetricValues
from hybrid_coordinator.domain.reply import Attempt, AttemptLog
from hybrid_coordinator.domain.route import Complexity, TaskType, Tier
from hybrid_coordinator.errors import RecordUnavailableError
from hybrid_coordinator.insights.measuring import Measuring
from hybrid_coordinator.insights.recorder import Recorder

OPEN = BreakerInsight("open", 2, 4.0, "it hangs")
ENDPOINT = EndpointInsight(
    "Ollama", "http://o", "general", False, "down", "it hangs", 1, 0, 3, OPEN, ()
)
WEAK = Attempt("small", "http://l", Tier.LOCAL_FAST, 100, 0.4, "low_confidence", 10, 20)
PAID = Attempt("big", "http://r", Tier.API_FALLBACK, 900, 0.9, "ok", 1, 2, 0.5, remote=True)
CACHED = Attempt("small", "http://l", Tier.LOCAL_FAST, 1, None, "cached", 9, 9)
BROKEN = Attempt("small", "http://l", Tier.LOCAL_FAST, 9, None, "ModelReplyError")


def log(*attempts: Attempt) -> AttemptLog:
    return AttemptLog(TaskType.EDIT, Complexity.SIMPLE, attempts)


class Record:
    """Figures that are let out one look at a time."""

    def __init__(self) -> None:
        self.looks = 0
        self.away = False
        self.let_out = asyncio.Event()
        self.let_out.set()

    async def look(self) -> list[MetricValues]:
        self.looks += 1
        await self.let_out.wait()
        if self.away:
            raise RecordUnavailableError("it is away")
        return [MetricValues(metrics.HIGH_VALUE, {(): float(self.looks)})]


class Bench:
    """A scrape with a clock of its own."""

    def __init__(self, patience: float = 60.0) -> None:
        self.now = 100.0
        self.record = Record()
        self.measuring = Measuring(
            Recorder(), self.record.look, self._endpoints, lambda: self.now, patience
        )

    async def _endpoints(self) -> Sequence[EndpointInsight]:
        return [ENDPOINT]

    async def value(self, metric: metrics.Metric, *labels: str) -> metrics.Value | None:
        found = {one.metric: one for one in await self.measuring.values()}
        return found[metric].values[labels] if metric in found else None

    async def read(self) -> None:
        """Until the look that is under way is over."""
        reading = self.measuring._reading
        if reading is not None:
            await reading


def values(recorder: Recorder) -> dict[metrics.Metric, dict[tuple[str, ...], metrics.Value]]:
    return {one.metric: dict(one.values) for one in recorder.values()}


def test_questions_and_attempts_are_counted_by_where_the_answer_came_from() -> None:
    recorder = Recorder()
    for each in (log(WEAK, PAID), log(WEAK), log(CACHED), log(BROKEN)):
        recorder.attempts(each)
    found = values(recorder)
    assert found[metrics.MODEL_CALLS] == {
        ("remote",): 1, ("local",): 1, ("cache",): 1, ("none",): 1,
    }  # fmt: skip
    assert found[metrics.MODEL_ATTEMPTS] == {
        ("small", "http://l", "low_confidence"): 2,
        ("big", "http://r", "ok"): 1,
        ("small", "http://l", "ModelReplyError"): 1,
    }
    assert found[metrics.MODEL_TOKENS]["small", "http://l", "out"] == 40
    assert found[metrics.MODEL_COST] == {("big", "http://r"): 0.5}
    spread = found[metrics.MODEL_SECONDS]["small", "http://l"]
    assert isinstance(spread, Distribution)
    assert (spread.count, spread.buckets[0.05], spread.buckets[0.1]) == (2, 0, 2)
    assert abs(spread.sum - 0.2) < 1e-9


def test_what_takes_longer_than_every_bound_is_in_none_of_them() -> None:
    recorder = Recorder()
    recorder.request("augment_query", "ok", 0.004)
    recorder.request("augment_query", "error", 1000.0)
    found = values(recorder)
    assert found[metrics.REQUESTS] == {
        ("augment_query", "ok"): 1, ("augment_query", "error"): 1,
    }  # fmt: skip
    spread = found[metrics.REQUEST_SECONDS]["augment_query",]
    assert isinstance(spread, Distribution)
    assert (spread.buckets[BUCKETS[0]], spread.buckets[BUCKETS[-1]], spread.count) == (1, 1, 2)


async def test_only_the_first_scrape_waits_for_the_record() -> None:
    bench = Bench()
    assert await bench.value(metrics.HIGH_VALUE) == 1
    assert await bench.value(metrics.RECORD_AGE) == 0
    bench.now += 20
    bench.record.let_out.clear()
    # The look that this one begins is held up: the figures are those of the one before.
    assert await bench.value(metrics.HIGH_VALUE) == 1
    assert await bench.value(metrics.RECORD_AGE) == 20
    bench.record.let_out.set()
    await bench.read()
    assert bench.record.looks == 2
    assert await bench.value(metrics.HIGH_VALUE) == 2
    assert await bench.value(metrics.RECORD_AGE) == 0
    await bench.measuring.close()


async def test_figures_that_do_not_come_leave_the_counts() -> None:
    bench = Bench(patience=0.01)
    bench.record.let_out.clear()
    assert await bench.value(metrics.HIGH_VALUE) is None
    assert await bench.value(metrics.BREAKER_OPEN, "http://o") == 1
    bench.record.let_out.set()
    await bench.read()
    assert await bench.value(metrics.HIGH_VALUE) == 1


async def test_the_record_is_read_once_in_a_while_however_often_it_is_scraped() -> None:
    bench = Bench()
    for _ in range(5):
        await bench.value(metrics.HIGH_VALUE)
        bench.now += 2
    assert bench.record.looks == 1


async def test_a_record_that_is_away_is_told_by_its_age() -> None:
    bench = Bench()
    bench.record.away = True
    assert await bench.value(metrics.HIGH_VALUE) is None
    assert await bench.value(metrics.RECORD_AGE) is None
    bench.record.away = False
    bench.now += 20
    assert await bench.value(metrics.HIGH_VALUE) == 2
    bench.record.away = True
    for _ in range(3):
        bench.now += 20
        await bench.value(metrics.HIGH_VALUE)
        await bench.read()
    assert await bench.value(metrics.RECORD_AGE) == 60
    assert await bench.value(metrics.HIGH_VALUE) == 2


async def test_endpoints_are_as_they_are_now() -> None:
    bench = Bench()
    assert await bench.value(metrics.ENDPOINT_READY, "http://o", "Ollama") == 0
    assert await bench.value(metrics.BREAKER_OPEN, "http://o") == 1
    assert await bench.value(metrics.ENDPOINT_WAITING, "http://o") == 3


async def test_a_closed_one_reads_no_more() -> None:
    bench = Bench()
    bench.record.let_out.clear()
    scrape = asyncio.create_task(bench.measuring.values())
    while not bench.record.looks:
        await asyncio.sleep(0)
    await bench.measuring.close()
    scrape.cancel()
    await asyncio.gather(scrape, return_exceptions=True)
    assert bench.measuring._reading is None
