"""Whether nothing is given where the index holds no answer, and something where it does."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.search.findings import Figure, Findings, Table
from benchmarks.search.product import CODE, Indexed
from benchmarks.search.questions import SMALL_TALK, TASK, foreign
from benchmarks.search.workbench import Workbench
from hybrid_coordinator.domain.interactions import AgentType
from hybrid_coordinator.domain.items import CollectionName

_TOKENS = 1_500

Asked = Sequence[tuple[str, str]]
"""Questions, each with the project that it is asked of."""


async def refused(
    indexed: Indexed, asked: Asked, collections: Sequence[CollectionName] | None
) -> float:
    """The share for which `augment_query` gives no context."""
    count = 0
    for query, project in asked:
        given = await indexed.running.coordinator.augment(
            query,
            agent_type=AgentType.REMOTE,
            project=project,
            collections=collections,
            max_tokens=_TOKENS,
        )
        count += given.abstained
    return count / len(asked) if asked else 0.0


async def measure(bench: Workbench) -> Findings:
    """Shares refused, of what is answerable and of what is not."""
    packages = [corpus.name for corpus in bench.corpora]
    symbols = [each for each in bench.questions if each.category == "symbol"]
    prose = [each for each in bench.questions if each.category != "symbol"]
    own = [(each.text, each.package) for each in bench.questions]
    elsewhere = [(each.text, other) for each in prose for other in foreign(each, packages)]
    undefined = [(each.text, other) for each in symbols for other in foreign(each, packages)]
    kinds: dict[str, tuple[bool, Asked]] = {
        "questions that the package answers": (True, own),
        "questions about another package": (False, elsewhere),
        "symbols of another package": (False, undefined),
        "small talk": (False, [(text, other) for text in SMALL_TALK for other in packages]),
        "tasks that the package answers": (
            True,
            [(TASK.format(query=text), other) for text, other in own],
        ),
        "tasks about another package": (
            False,
            [(TASK.format(query=text), other) for text, other in elsewhere],
        ),
    }
    rows, shares = [], {}
    async with bench.indexed(bench.corpora) as indexed:
        for kind, (answerable, asked) in kinds.items():
            code = shares[kind] = await refused(indexed, asked, [CODE])
            everything = await refused(indexed, asked, None)
            wish = "given" if answerable else "refused"
            rows.append([kind, f"{len(asked):,}", wish, f"{code:.1%}", f"{everything:.1%}"])
    foreign_given = 1 - shares["questions about another package"]
    good_refused = shares["questions that the package answers"]
    return Findings(
        figures=(
            Figure(
                "questions about another repository that get any context",
                "< 10%",
                f"{foreign_given:.1%}",
                {},
            ),
            Figure("good questions refused", "< 5%", f"{good_refused:.1%}", {}),
        ),
        tables=(
            Table(
                "Refused: `augment_query` gives no context",
                ["asked", "times", "should be", "refused", "refused, all five collections"],
                rows,
                "Every question is asked of its own package and of those that cannot answer it; "
                "packages on one subject (web clients and servers; validation) are not asked each "
                "other's. A task is a question inside five sentences about something else. The "
                "other systems always answer. Refused counts context out of the code; the last "
                "column counts that of the shipped practices and patterns too.",
            ),
        ),
    )
