"""What is believed of models: backing off, decay, and keeping up with the record."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.evidence import Observation
from hybrid_coordinator.domain.route import Complexity, TaskType
from hybrid_coordinator.errors import RecordUnavailableError
from hybrid_coordinator.routing.evidence import Belief, Evidence

HERE = (TaskType.EDIT, Complexity.SIMPLE)
HARDER = (TaskType.EDIT, Complexity.COMPLEX)
ELSEWHERE = (TaskType.PLANNING, Complexity.SIMPLE)
PRIOR = Belief(2.0, 2.0, 0.0, 0.0)


def knowing(*observations: Observation) -> Evidence:
    evidence = Evidence()
    evidence.learn(observations)
    return evidence


def of(model: str, bucket=HERE, success: float = 1.0, weight: float = 1.0) -> Observation:
    return Observation(model, *bucket, success, weight)


def test_nothing_known_is_the_prior():
    assert knowing().belief("a", *HERE, PRIOR) == PRIOR
    assert knowing(of("b")).belief("a", *HERE, PRIOR) == PRIOR


def test_what_is_known_of_the_very_kind_of_task_counts_in_full():
    found = knowing(of("a"), of("a", success=0.0, weight=0.5)).belief("a", *HERE, PRIOR)
    assert (found.successes, found.failures) == (3.0, pytest.approx(2.0 + 0.5 * 0.99))
    assert found.observed == found.heard == pytest.approx(1.495)


def test_other_complexities_and_other_tasks_count_for_a_few_observations_at_most():
    elsewhere = knowing(*[of("a", ELSEWHERE)] * 50).belief("a", *HERE, PRIOR)
    harder = knowing(*[of("a", HARDER)] * 50).belief("a", *HERE, PRIOR)
    here = knowing(*[of("a", HERE)] * 50).belief("a", *HERE, PRIOR)
    assert PRIOR.mean < elsewhere.mean < harder.mean < here.mean
    assert (elsewhere.successes, harder.successes) == pytest.approx((4.0, 8.0))
    assert (elsewhere.observed, harder.observed) == (0, 0)
    assert elsewhere.heard > 35


def test_older_observations_weigh_less_with_every_later_one_of_the_same_kind():
    old_failure = [*[of("b")] * 200, of("a", success=0.0)]
    found = knowing(*old_failure).belief("a", *HERE, PRIOR)
    assert found.failures == pytest.approx(2.0 + 0.99**200)
    elsewhere = [*[of("b", HARDER)] * 200, of("a", success=0.0)]
    assert knowing(*elsewhere).belief("a", *HERE, PRIOR).failures == 3.0


@given(
    st.lists(
        st.builds(
            Observation,
            st.sampled_from("ab"),
            st.sampled_from(TaskType),
            st.sampled_from(Complexity),
            st.floats(0, 1),
            st.floats(0, 1),
        ),
        max_size=30,
    )
)
def test_any_observations_make_a_distribution(observations: list[Observation]):
    found = knowing(*observations).belief("a", *HERE, PRIOR)
    assert 0 < found.mean < 1
    assert found.successes >= 2
    assert found.failures >= 2
    assert 0 <= found.observed <= found.heard + 1e-9


class Record:
    """Observations that can be added to, and that can be away."""

    def __init__(self) -> None:
        self.rows: list[Observation] = []
        self.away = False
        self.read = asyncio.Condition()
        self.reads = 0

    async def evidence(self, limit: int) -> list[Observation]:
        async with self.read:
            self.reads += 1
            self.read.notify_all()
        if self.away:
            raise RecordUnavailableError("it is away")
        return self.rows[:limit]

    async def wait_for_reads(self, count: int) -> None:
        async with asyncio.timeout(5), self.read:
            await self.read.wait_for(lambda: self.reads >= count)


async def test_what_is_recorded_is_known_soon_after_and_an_absent_record_is_no_fault():
    record = Record()
    evidence = Evidence(record)
    running = asyncio.create_task(evidence.run())
    await record.wait_for_reads(1)
    record.rows = [of("a")]
    evidence.mark_stale()
    await record.wait_for_reads(2)
    await asyncio.sleep(0)
    assert evidence.belief("a", *HERE, PRIOR).successes == 3.0
    record.away = True
    evidence.mark_stale()
    await record.wait_for_reads(3)
    await asyncio.sleep(0)
    assert evidence.belief("a", *HERE, PRIOR).successes == 3.0
    record.away, record.rows = False, []
    evidence.mark_stale()
    await record.wait_for_reads(4)
    await asyncio.sleep(0)
    assert evidence.belief("a", *HERE, PRIOR) == PRIOR
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
