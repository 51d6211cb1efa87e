"""Sessions in which something fails and is solved, or is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hybrid_coordinator.domain.episodes import Episode
from hybrid_coordinator.domain.interactions import (
    AgentType,
    NewInteraction,
    Outcome,
    OutcomeKind,
    OutcomeSource,
)
from hybrid_coordinator.domain.turns import Action, ActionKind
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
TESTS = "pytest -q"
IMPORT_ERROR = """
==================================== ERRORS ====================================
____________________ ERROR collecting tests/test_orders.py _____________________
tests/test_orders.py:4: in <module>
    from app.dates import parse_date
E   ImportError: cannot import name 'parse_date' from 'app.dates' (/w/shop/app/dates.py)
=========================== short test summary info ============================
ERROR tests/test_orders.py
1 error in 0.21s
"""
IMPORT_TITLE = "ImportError: cannot import name 'parse_date' from 'app.dates' (<path>)"
TYPE_ERROR = """
>       return total + "1"
E       TypeError: unsupported operand type(s) for +: 'int' and 'str'

app/basket.py:9: TypeError
FAILED tests/test_basket.py::test_total - TypeError: unsupported operand type...
1 failed, 4 passed in 0.20s
"""
TYPE_TITLE = "TypeError: unsupported operand type(s) for +: 'int' and 'str'"
UNMET = """
    def test_total():
>       assert total([1, 2]) == 3
E       assert 0 == 3

tests/test_basket.py:5: AssertionError
FAILED tests/test_basket.py::test_total - assert 0 == 3
1 failed, 4 passed in 0.20s
"""
PASSED = "5 passed in 0.31s"


def ran(line: str, printed: str = "", code: int = 0) -> Action:
    """A command that ended."""
    return Action(ActionKind.COMMAND, line, code == 0, code, printed)


def failed(printed: str = IMPORT_ERROR, line: str = TESTS, code: int = 1) -> Action:
    """A command that failed."""
    return ran(line, printed, code)


def passed(line: str = TESTS, printed: str = PASSED) -> Action:
    """A command that went well."""
    return ran(line, printed)


def edited(path: str = "/w/shop/app/dates.py", detail: str = "") -> Action:
    """A file that was changed."""
    return Action(ActionKind.EDIT, path, True, None, detail)


def episode(
    number: int,
    *actions: Action,
    query: str = "make the tests pass",
    response: str = "",
    **more: object,
) -> Episode:
    """An interaction of a session, one minute after the one before."""
    made = Episode(
        id=f"00000000-0000-7000-8000-{number:012d}",
        project="shop",
        query=query,
        response=response,
        created_at=START + timedelta(minutes=number),
        actions=actions,
    )
    return _with(made, more)


def _with(made: Episode, more: dict[str, object]) -> Episode:
    values = {name: getattr(made, name) for name in Episode.__dataclass_fields__} | more
    return Episode(**values)


@dataclass
class Sessions:
    """Turns of sessions, as they are recorded: one every minute."""

    records: InteractionRecords
    project: str = "shop"
    turns: int = field(default=0)

    async def turn(
        self,
        *actions: Action,
        query: str = "make the tests pass",
        response: str = "",
        session: str = "s1",
        shown: tuple[str, ...] = (),
        agent: str | None = None,
        interrupted: bool = False,
        project: str | None = None,
    ) -> str:
        """Record a turn; returns its id."""
        self.turns += 1
        return await self.records.add(
            NewInteraction(
                project=project or self.project,
                query=query,
                response=response,
                agent_type=AgentType.REMOTE,
                model_used="claude",
                context_ids=shown,
                session_id=session,
                turn_key=f"{session}:{self.turns}",
                created_at=START + timedelta(minutes=self.turns),
                actions=actions,
                agent=agent,
                interrupted=interrupted,
            )
        )

    async def outcome(
        self,
        interaction: str,
        kind: OutcomeKind,
        evidence: str | None = None,
        source: OutcomeSource = OutcomeSource.STATED,
    ) -> None:
        """Say how a turn went."""
        await self.records.set_outcome(
            interaction, Outcome(kind, evidence=evidence, source=source), 0.5, {}
        )
