"""Whether one round of outcomes helps to find the code for questions in other words."""

from __future__ import annotations

import asyncio
import itertools
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.routing.tables import Table
from benchmarks.search.data import DataMissingError, Question, load_questions
from benchmarks.search.metrics import DEPTH, bootstrap, ndcg
from benchmarks.search.product import Indexed, started
from benchmarks.search.systems import Result
from hybrid_coordinator.composition import Running
from hybrid_coordinator.domain.interactions import AgentType, NewInteraction, Outcome, OutcomeKind
from hybrid_coordinator.domain.items import CollectionName, ContextItem

_COLLECTIONS = (CollectionName.CODEBASE_CONTEXT, CollectionName.INTERACTION_HISTORY)
_HEADER = ["questions", "number", "NDCG@10 before", "after", "difference (95%)"]
_TITLE = "Finding code after feedback"


@dataclass(frozen=True, slots=True)
class _Asker:
    running: Running
    indexed: Indexed

    async def found(self, question: str, package: str) -> list[ContextItem]:
        """Pieces of code, best first."""
        coordinator = self.running.coordinator
        await coordinator.projector.drain(60)
        found = await coordinator.retriever.find(
            question, package, _COLLECTIONS, DEPTH, only_relevant=False
        )
        code = [one for one in found.items if one.lines is not None]
        return code[:DEPTH]

    async def score(self, question: str, asked: Question) -> float:
        """NDCG@10."""
        found = await self.found(question, asked.package)
        return ndcg([self.result(asked.package, one) for one in found], asked.targets)

    def result(self, package: str, item: ContextItem) -> Result:
        """A piece as the questions' targets have it."""
        return Result(*self.indexed.place(package, item.source), item.text)

    async def feedback(self, asked: Question) -> None:
        """An answer to the question as an agent would give it: it was shown what was found, names
        the pieces that answer, if any does, and succeeds if so."""
        found = await self.found(asked.text, asked.package)
        used = [
            one
            for one in found
            if any(self.result(asked.package, one).overlaps(target) for target in asked.targets)
        ]
        tracked = await self.running.coordinator.track(
            NewInteraction(
                project=asked.package,
                query=asked.text,
                response="See " + ", ".join(one.source for one in used) if used else "Not found.",
                agent_type=AgentType.REMOTE,
                model_used="simulated",
                context_ids=tuple(one.id for one in found),
                showing_id=await self._shown(asked.package, found),
            )
        )
        kind = OutcomeKind.SUCCESS if used else OutcomeKind.FAILURE
        await self.running.coordinator.update_outcome(tracked, Outcome(kind))

    async def _shown(self, package: str, found: Sequence[ContextItem]) -> str:
        """What `augment_query` notes of its context."""
        from hybrid_coordinator.domain.showings import ShownItem
        from hybrid_coordinator.storage.postgres.showings import Showings

        items = [
            ShownItem(one.id, rank, one.title, one.source, one.score)
            for rank, one in enumerate(found, 1)
        ]
        return await Showings(self.running.database).add(package, None, items)


def measure(data: Path | None) -> Table:
    """Half of the questions get feedback; they are asked again in other words, the others as they
    are."""
    if data is None:
        return Table(_TITLE, _HEADER, [], "Not measured: say where the questions are, by --data.")
    try:
        return asyncio.run(_measure(data))
    except DataMissingError as error:
        return Table(_TITLE, _HEADER, [], f"Not measured. {error}")


async def _measure(data: Path) -> Table:
    corpora, questions = load_questions(data, data / "packages")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with started(Path(folder)) as running:
            asker = _Asker(running, Indexed(running, {}))
            for corpus in corpora:
                await asker.indexed.add(corpus)
            told, others = questions[::2], questions[1::2]
            asked = [
                *((f"told of, {name}", change, told) for name, change in _REWORDINGS.items()),
                ("told of, in the same words", str, told),
                ("not told of", str, others),
            ]
            before = [await _scores(asker, change, of) for _, change, of in asked]
            for question in told:
                await asker.feedback(question)
            after = [await _scores(asker, change, of) for _, change, of in asked]
    rows = [
        [name, str(len(of)), f"{fmean(one):.3f}", f"{fmean(other):.3f}", _difference(one, other)]
        for (name, _, of), one, other in zip(asked, before, after, strict=True)
    ]
    note = (
        "The open questions of the search, by `search_knowledge` over code and past tasks. Every "
        "second one is answered once by an agent that names the pieces that answer it, and "
        "succeeds if one was found. The wordings are mechanical. Goal: better for what was told "
        "of, in other words, and no loss for the rest."
    )
    return Table(_TITLE, _HEADER, rows, note)


async def _scores(
    asker: _Asker, change: Callable[[str], str], of: Sequence[Question]
) -> list[float]:
    return [await asker.score(change(one.text), one) for one in of]


def _difference(before: Sequence[float], after: Sequence[float]) -> str:
    changes = [other - one for one, other in zip(before, after, strict=True)]
    low, high = bootstrap(changes)
    return f"{fmean(changes):+.3f} ({low:+.3f} to {high:+.3f})"


def _as_a_request(text: str) -> str:
    return f"Please show me the place for {text[:1].lower()}{text[1:].rstrip('?')}"


def _turned_round(text: str) -> str:
    """The second half of the words before the first."""
    words = text.rstrip("?").split()
    middle = (len(words) + 1) // 2
    return " ".join((*words[middle:], *words[:middle]))


def _shortened(text: str) -> str:
    """Without every third word, as people ask who remember half of it."""
    words = text.split()
    return " ".join(word for place, word in enumerate(words) if place % 3 != 1) or text


def _inflected(text: str) -> str:
    """Endings taken off or put on, as other people write."""
    swap = itertools.cycle(("s", ""))
    return re.sub(
        r"\b([a-z]{4,}?)(ing|ed|s|ion)?\b",
        lambda found: found[1] + (next(swap) if found[2] is None else ""),
        text,
    )


_REWORDINGS = {
    "as a request": _as_a_request,
    "turned round": _turned_round,
    "shortened": _shortened,
    "inflected": _inflected,
}
