"""Outcomes and the value that follows: what counts as earlier, repeats, changes, failures."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace

import pytest

from hybrid_coordinator.domain.interactions import Outcome, OutcomeKind
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.domain.value import value_score
from hybrid_coordinator.errors import InvalidArgumentError, NotFoundError
from hybrid_coordinator.learning.outcomes import OutcomeRecorder
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.client import ClientIndex
from hybrid_coordinator.storage.vectors.edge import EdgeIndex
from hybrid_coordinator.storage.vectors.protocol import IndexPoint
from tests.domain.task_examples import FIXES, TRIFLES
from tests.learning.conftest import interaction

SUCCESS = Outcome(OutcomeKind.SUCCESS)
TASK, ANSWER = FIXES["english"]


class Desk:
    """A recorder with everything behind it."""

    def __init__(self, records: InteractionRecords, index: EdgeIndex) -> None:
        self.records = records
        self.index = index
        self.bm25 = Bm25Encoder()
        self.woken = 0
        self.recorder = OutcomeRecorder(
            records, index, self.bm25, lambda: 0.7, self._wake, Scrubber()
        )

    def _wake(self) -> None:
        self.woken += 1

    async def add(self, query: str, response: str = "done", project: str = "app") -> str:
        return await self.records.add(interaction(query, response, project))

    async def project(self, *ids: str) -> None:
        """Bring interactions into the index."""
        points = [
            IndexPoint(
                row.id,
                None,
                self.bm25.document(row.query),
                {"project": row.project, "query": row.query},
            )
            for row in await self.records.get_many(ids)
        ]
        await self.index.upsert("interaction-history", points)


@pytest.fixture
def desk(records: InteractionRecords, index: EdgeIndex) -> Desk:
    return Desk(records, index)


async def test_a_verified_fix_is_of_high_value_and_a_trifle_is_not(desk: Desk) -> None:
    fixed = await desk.recorder.update(await desk.add(TASK, ANSWER), SUCCESS)
    trifle = await desk.recorder.update(await desk.add(*TRIFLES["thanks"]), SUCCESS)
    failed = await desk.recorder.update(
        await desk.add(TASK, ANSWER), Outcome(OutcomeKind.FAILURE, feedback=1)
    )
    assert fixed.high_value
    assert fixed.value_score >= 0.7
    assert not trifle.high_value
    assert not failed.high_value
    assert fixed.components.novelty == 1
    assert fixed.queued == ()


async def test_score_is_made_of_the_components_and_both_are_stored(
    desk: Desk, database: Database
) -> None:
    tracked = await desk.add(TASK, ANSWER)
    result = await desk.recorder.update(tracked, Outcome(OutcomeKind.PARTIAL, 1, "3 of 4 pass"))
    assert result.value_score == value_score(result.components)
    assert (result.components.outcome, result.components.feedback) == (0.5, 1)
    stored = await desk.records.get(tracked)
    assert stored.outcome == Outcome(OutcomeKind.PARTIAL, 1, "3 of 4 pass")
    assert stored.value_score == result.value_score
    assert (await desk.records.standing(tracked, 0)).components == result.components.as_dict()


async def test_the_same_outcome_again_changes_nothing(desk: Desk, database: Database) -> None:
    tracked = await desk.add(TASK, ANSWER)
    first = await desk.recorder.update(tracked, SUCCESS)
    # What would make the score another one if it were computed anew.
    await desk.recorder.update(await desk.add(TASK, ANSWER), SUCCESS)
    await database.execute("UPDATE outcomes SET value_score = value_score - 0.01")
    woken = desk.woken
    again = await desk.recorder.update(tracked, SUCCESS)
    assert again == replace(first, value_score=pytest.approx(first.value_score - 0.01))
    assert desk.woken == woken
    rows = "SELECT count(*) FROM outcomes WHERE interaction_id = $1"
    assert await database.fetch_value(rows, uuid.UUID(tracked)) == 1


async def test_the_same_outcome_from_many_sessions_is_stored_once(
    desk: Desk, database: Database
) -> None:
    tracked = await desk.add(TASK, ANSWER)
    results = await asyncio.gather(*(desk.recorder.update(tracked, SUCCESS) for _ in range(20)))
    assert all(result == results[0] for result in results)
    assert desk.woken == 1
    assert await database.fetch_value("SELECT count(*) FROM outcomes") == 1


async def test_the_same_outcome_without_its_evidence_keeps_it(
    desk: Desk, database: Database
) -> None:
    tracked = await desk.add(TASK, ANSWER)
    proven = Outcome(OutcomeKind.SUCCESS, 1, "pytest: exit code 0")
    first = await desk.recorder.update(tracked, proven)
    assert await desk.recorder.update(tracked, replace(proven, evidence=None)) == first
    assert (await desk.records.get(tracked)).outcome == proven
    assert desk.woken == 1
    # New evidence is news, and so is another outcome or feedback without any.
    await desk.recorder.update(tracked, replace(proven, evidence="ran for a week"))
    await desk.recorder.update(tracked, SUCCESS)
    assert (await desk.records.get(tracked)).outcome == SUCCESS
    assert await database.fetch_value("SELECT count(*) FROM outcomes") == 3


async def test_long_tasks_are_compared_as_short_ones_are(desk: Desk) -> None:
    long = f"{TASK}\n" + "\n".join(f"row {number} of what was pasted" for number in range(900))
    await desk.add(long)
    second = await desk.recorder.update(await desk.add(long), SUCCESS)
    assert second.components.novelty == 0


async def test_another_outcome_replaces_the_first(desk: Desk) -> None:
    tracked = await desk.add(TASK, ANSWER)
    success = await desk.recorder.update(tracked, SUCCESS)
    failure = await desk.recorder.update(tracked, Outcome(OutcomeKind.FAILURE, -1, "reverted"))
    assert failure.value_score < success.value_score
    assert (await desk.records.get(tracked)).value_score == failure.value_score
    assert await desk.recorder.update(tracked, SUCCESS) == success
    assert desk.woken == 3


async def test_earlier_tasks_of_the_project_make_it_recurrent_and_less_novel(desk: Desk) -> None:
    before = await desk.add("Add a unit test for the parse_date function in src/dates.py")
    for number in range(12):  # more than the latest that are looked at
        await desk.add(f"{number}: {' '.join(chr(97 + number) * n for n in range(4, 9))}")
    tracked = await desk.add("Add a unit test for the parse_time function in src/times.py")
    alone = (await desk.recorder.update(tracked, SUCCESS)).components
    assert alone.novelty > 0.8
    await desk.project(before, tracked)
    known = (await desk.recorder.update(tracked, Outcome(OutcomeKind.SUCCESS, 1))).components
    assert known.novelty < 0.6
    assert known.reusability > alone.reusability + 0.3


async def test_the_latest_earlier_ones_count_before_the_index_has_them(desk: Desk) -> None:
    await desk.add(TASK)
    second = await desk.recorder.update(await desk.add(TASK), SUCCESS)
    assert second.components.novelty == 0


async def test_later_ones_other_projects_and_itself_do_not_count(desk: Desk) -> None:
    elsewhere = await desk.add(TASK, project="other")
    tracked = await desk.add(TASK)
    later = await desk.add(TASK)
    await desk.project(elsewhere, tracked, later)
    result = await desk.recorder.update(tracked, SUCCESS)
    assert result.components.novelty == 1


async def test_without_the_index_the_record_must_do(desk: Desk) -> None:
    await desk.index.drop("interaction-history")
    await desk.add(TASK)
    result = await desk.recorder.update(await desk.add(TASK, ANSWER), SUCCESS)
    assert result.components.novelty == 0
    assert result.high_value


async def test_an_index_that_does_not_answer_holds_up_no_outcome(
    records: InteractionRecords,
) -> None:
    connected = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    index = ClientIndex.connect(f"http://127.0.0.1:{port}", timeout=60)
    recorder = OutcomeRecorder(records, index, Bm25Encoder(), lambda: 0.7, lambda: None, Scrubber())
    tracked = await records.add(interaction(TASK, ANSWER))
    async with asyncio.timeout(10):
        result = await recorder.update(tracked, SUCCESS)
    assert connected.is_set()
    assert result.high_value
    await index.close()
    server.close()
    await server.wait_closed()


async def test_secrets_in_the_evidence_are_not_written(desk: Desk) -> None:
    tracked = await desk.add(TASK)
    given = Outcome(OutcomeKind.SUCCESS, 0, "API_TOKEN=a1b2c3d4e5f6a7b8 pytest: exit code 0")
    first = await desk.recorder.update(tracked, given)
    outcome = (await desk.records.get(tracked)).outcome
    assert outcome is not None
    assert outcome.evidence == "API_TOKEN=<SECRET:assigned-secret> pytest: exit code 0"
    assert await desk.recorder.update(tracked, given) == first
    assert desk.woken == 1


async def test_unknown_ids_are_errors(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="track_interaction"):
        await desk.recorder.update("0198c5a2-7b1e-7c3d-8f00-0123456789ab", SUCCESS)
    with pytest.raises(InvalidArgumentError, match="interaction_id"):
        await desk.recorder.update("last one", SUCCESS)
    assert desk.woken == 0
