"""An entry about the very error that a question quotes is found, and comes first."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import FrameType

import pytest

from hybrid_coordinator.domain.error_values import normalise
from hybrid_coordinator.domain.items import CollectionName, ContextItem
from hybrid_coordinator.knowledge.same_errors import QuotedErrors
from hybrid_coordinator.storage.postgres.database import Database
from tests.support.memory import PROJECT, Memory, projecting

ERRORS = CollectionName.ERROR_SOLUTIONS
SAID = "the same error, met before"
TITLE = "OperationalError: no such table: <path>"
QUOTED = """Traceback (most recent call last):
  File "/home/eve/ledger/report.py", line 77, in totals
    rows = connection.execute(QUERY)
sqlite3.OperationalError: no such table: /tmp/x/ledger.db
"""


@pytest.fixture
async def parts(database: Database, tmp_path: Path) -> AsyncIterator[Memory]:
    async with projecting(database, tmp_path / "index") as memory:
        yield memory


async def entries(parts: Memory, question: str, **options: bool) -> list[ContextItem]:
    found = await parts.retriever.find(question, PROJECT, [ERRORS], 10, **options)
    return list(found.items)


async def fill(parts: Memory) -> str:
    """One entry about an error, among many that share more words with a report of it; its id."""
    wanted = await parts.learn(TITLE, "Call create_all() before.", ERRORS)
    for number in range(24):
        await parts.learn(
            f"Traceback in totals of report.py, case {number}",
            "rows = connection.execute(QUERY) in ledger: totals, report, connection, rows, QUERY",
            ERRORS,
        )
    await parts.find("wait for all of it")
    return wanted


async def test_the_same_error_comes_first_whatever_other_entries_say(parts: Memory) -> None:
    wanted = await fill(parts)
    for options in ({}, {"only_relevant": False}):
        first, *others = await entries(parts, QUOTED, **options)
        assert first.id == wanted
        assert first.exact
        assert first.why.startswith(SAID)
        assert not any(other.exact or SAID in other.why for other in others)


async def test_it_is_known_in_another_file_in_prose_and_in_a_long_output_and_no_other_is(
    parts: Memory,
) -> None:
    wanted = await fill(parts)
    for question in (
        "OperationalError: no such table: /other/place.db",
        "My report ends with `sqlite3.OperationalError: no such table: a/b/c.db` today, why?",
        "psql exit 1: OperationalError: no such table: ../x.db",
        "E   sqlite3.OperationalError: no such table: /x.db\r\n",
        "x\n" * 3_000 + QUOTED + "y\n" * 3_000,
    ):
        first, *_ = await entries(parts, question)
        assert first.id == wanted, question
        assert first.exact, question
    for question in (
        "OperationalError: database is locked",
        "what is an OperationalError?",
        "KeyError: 'totals'",
        "how do I create a table",
    ):
        found = await entries(parts, question, only_relevant=False)
        assert not any(item.exact for item in found), question


async def test_of_several_solutions_the_surest_comes_first(parts: Memory) -> None:
    ids = {}
    for number, sure in enumerate((0.4, 0.9, 0.6)):
        ids[sure] = await parts.learn(
            f"{TITLE} (solution {number})",
            f"Way {number}: do something else.",
            ERRORS,
            confidence_score=sure,
            error_message=TITLE,
        )
    await parts.find("wait for all of it")
    found = await entries(parts, QUOTED)
    assert [item.id for item in found] == [ids[0.9], ids[0.6], ids[0.4]]


async def test_the_error_of_another_project_is_not_shown(parts: Memory) -> None:
    await parts.learn(TITLE, "Call create_all() before.", ERRORS, project="other-1")
    await parts.find("wait for all of it")
    assert await entries(parts, QUOTED) == []


def test_a_message_is_read_once_however_long_the_question_is() -> None:
    """At 0.1 ms each, once a line made 0.4 s of twenty entries, and nobody else was served."""
    quoted = QuotedErrors.in_question("\n".join([QUOTED] * 50))
    assert len(quoted.lines) > 100
    read = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal read
        read += event == "call" and frame.f_code is normalise.__code__

    sys.setprofile(count)
    try:
        known = quoted.are({"error_message": "ValueError: another one altogether"})
    finally:
        sys.setprofile(None)
    assert (known, read) == (False, 1)
