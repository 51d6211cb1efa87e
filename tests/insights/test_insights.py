"""The read service over a small record that came about by real calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.domain import metrics
from hybrid_coordinator.domain.insights import InteractionFilter, OutcomeFilter
from hybrid_coordinator.domain.interactions import AgentType, NewInteraction, Outcome, OutcomeKind
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge
from hybrid_coordinator.domain.usage import UsageReport
from hybrid_coordinator.insights.wiring import figures_of_record
from hybrid_coordinator.routing.reporting import Reports
from tests.support.coordinators import engines_on

PROJECT = "shop-1f3a9c2e"
THUMB_UP = Outcome(OutcomeKind.SUCCESS, 1, "pytest exit 0")


@pytest.fixture
async def coordinator(dsn: str, tmp_path: Path) -> AsyncIterator[Coordinator]:
    async with engines_on(dsn, tmp_path / "home") as engines:
        yield await engines.get()


async def worked(coordinator: Coordinator, query: str, *shown: str) -> str:
    new = NewInteraction(
        PROJECT, query, "done", AgentType.REMOTE, "claude-sonnet-5", shown, 1200, 3400
    )
    return await coordinator.track(new)


async def test_a_new_record_shows_nothing_and_fails_nowhere(coordinator: Coordinator) -> None:
    look = coordinator.insights
    overview = await look.overview()
    assert (overview.period.interactions, overview.period.success_rate) == (0, None)
    assert len(overview.by_day) == 30
    assert overview.saving.saved_usd == 0
    routing = await look.routing(days=7)
    assert (routing.total.calls, len(routing.by_day)) == (0, 7)
    learning = await look.learning()
    assert sum(one.interactions for one in learning.values) == 0
    assert len(learning.values) == 10
    assert (await look.interactions()).total == 0
    assert (await look.facets()).projects == ()
    assert (await look.models()).endpoints == ()
    assert (await look.datasets()).datasets == ()
    index = await look.index()
    assert {one.name for one in index.collections} == {name.value for name in CollectionName}
    assert (await look.disk()).total_bytes > 0
    assert {part.name for part in await look.health()} >= {"postgres", "qdrant", "jobs"}


class CountedReports(Reports):
    """Reports that know how often they were asked where calls went."""

    asked = 0

    async def usage(self, project: str | None, days: int) -> UsageReport:
        self.asked += 1
        return await super().usage(project, days)


async def test_a_look_for_metrics_finds_out_once_where_calls_went(coordinator: Coordinator) -> None:
    look = coordinator.insights
    await worked(coordinator, "What is a mutex?")
    told = look._figures.reports
    reports = CountedReports(told._usage, told._spend, told._settings)
    found = await figures_of_record(
        replace(look._figures, reports=reports), look._stock, look._record, look._home
    )
    values = {one.metric: one.values for one in found}
    assert values[metrics.INTERACTIONS]["none",] == 1
    assert values[metrics.CALLS_30D]["local",] == 0
    assert reports.asked == 1


async def test_who_asks_at_once_for_what_showing_changed_shares_it(
    coordinator: Coordinator,
) -> None:
    look = coordinator.insights
    one, other = await asyncio.gather(look.lessons(PROJECT), look.lessons(PROJECT))
    assert one is other
    assert await look.lessons(PROJECT) is not one


async def test_what_was_done_is_seen(coordinator: Coordinator) -> None:
    look = coordinator.insights
    entry, _ = await coordinator.store(
        NewKnowledge(
            CollectionName.BEST_PRACTICES, PROJECT, "Lock the row", "SELECT FOR UPDATE first."
        )
    )
    done = await worked(coordinator, "How do I lock a row?", entry)
    await coordinator.update_outcome(done, THUMB_UP)
    await worked(coordinator, "What is a mutex?")

    overview = await look.overview(PROJECT)
    assert (overview.period.interactions, overview.period.success) == (2, 1)
    assert overview.period.success_rate == 1
    assert overview.by_day[-1].tally == overview.period
    assert overview.totals.interactions == 2

    page = await look.interactions(InteractionFilter(outcome=OutcomeFilter.SUCCESS))
    assert [(row.id, row.shown) for row in page.rows] == [(done, 1)]
    assert page.total == 1

    one = await look.interaction(done)
    assert one.interaction.query == "How do I lock a row?"
    assert [(shown.title, shown.used) for shown in one.shown] == [("Lock the row", True)]
    assert [outcome["outcome"] for outcome in one.outcomes] == ["success"]
    assert one.components is not None

    learning = await look.learning(PROJECT)
    assert [(item.id, item.uses) for item in learning.items] == [(entry, 1)]
    assert sum(one.interactions for one in learning.values) == 1
