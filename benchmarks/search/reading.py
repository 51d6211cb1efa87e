"""How much an agent reads until it has the answer's file: tokens, at four characters each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from benchmarks.search.data import Corpus, Question
from benchmarks.search.findings import Figure, Findings, Table
from benchmarks.search.metrics import percentile
from benchmarks.search.product import Indexed, Ours
from benchmarks.search.ripgrep import Ripgrep
from benchmarks.search.semble_system import Semble, SembleIndexes
from benchmarks.search.systems import Result, System
from benchmarks.search.workbench import Workbench
from hybrid_coordinator.domain.interactions import AgentType

CHARACTERS_PER_TOKEN = 4
LIMITS = (5, 10, 20, 40, 80)
SHARE = 0.90
GOAL = 20
_AUGMENTED = 1_500


@dataclass(frozen=True, slots=True)
class Reading:
    """Characters read, and whether the answer's file came up before everything was read."""

    characters: int
    found: bool


def read_until(results: Iterable[Result], question: Question) -> Reading:
    """Results in rank order until one is of a file that answers."""
    answers = {target.path for target in question.targets}
    read = 0
    for result in results:
        read += len(result.text)
        if result.path in answers:
            return Reading(read, found=True)
    return Reading(read, found=False)


async def by_search(system: System, question: Question, corpus: Corpus) -> Reading:
    """Ask for more and more, reading all of it each time."""
    read = 0
    for limit in LIMITS:
        results = await system.search(question.text, corpus.name, limit)
        step = read_until(results, question)
        read += step.characters
        if step.found:
            return Reading(read, found=True)
        if len(results) < limit:
            break
    return Reading(read + corpus.characters(), found=False)


async def by_grep(rg: Ripgrep, question: Question, corpus: Corpus) -> Reading:
    """Read the counts that `rg` prints, then whole files from the best on."""
    printed, files = rg.look(question.text, corpus.name, None)
    step = read_until(files, question)
    rest = 0 if step.found else corpus.characters()
    return Reading(printed + step.characters + rest, step.found)


async def by_augmenting(indexed: Indexed, question: Question, corpus: Corpus) -> Reading:
    """Read what `augment_query` gives; where the file is not in it, go on by searching."""
    given = await indexed.running.coordinator.augment(
        question.text,
        agent_type=AgentType.REMOTE,
        project=corpus.name,
        collections=None,
        max_tokens=_AUGMENTED,
    )
    read = len(given.augmented_prompt) - len(question.text)
    answers = {target.path for target in question.targets}
    shown = {
        corpus.known_as(item.source.rpartition(":")[0])
        for item in given.items
        if item.collection.value == "codebase-context"
    }
    if answers & shown:
        return Reading(read, found=True)
    after = await by_search(Ours(indexed), question, corpus)
    return Reading(read + after.characters, after.found)


Way = Callable[[Question, Corpus], Awaitable[Reading]]


def _searching(system: System) -> Way:
    return lambda question, corpus: by_search(system, question, corpus)


async def measure(bench: Workbench) -> Findings:
    """Tokens read at half and at 90% of the questions."""
    corpora = {corpus.name: corpus for corpus in bench.corpora}
    async with bench.indexed(bench.corpora) as indexed:
        ways: dict[str, Way] = {
            "ours": _searching(Ours(indexed)),
            "ours, augment_query first": lambda q, c: by_augmenting(indexed, q, c),
        }
        if bench.semble:
            semble = Semble(SembleIndexes(), "semble", alpha=None)
            for corpus in bench.corpora:
                await semble.add(corpus)
            ways["semble"] = _searching(semble)
        if bench.rg is not None:
            rg = Ripgrep(bench.rg)
            for corpus in bench.corpora:
                await rg.add(corpus)
            ways["ripgrep"] = lambda q, c: by_grep(rg, q, c)
        readings = {
            name: [await way(question, corpora[question.package]) for question in bench.questions]
            for name, way in ways.items()
        }
    return _findings(readings, bench)


def _findings(readings: Mapping[str, list[Reading]], bench: Workbench) -> Findings:
    def tokens(name: str, share: float) -> float:
        return percentile([each.characters for each in readings[name]], share) / (
            CHARACTERS_PER_TOKEN
        )

    grep = tokens("ripgrep", SHARE) if "ripgrep" in readings else None

    def of_grep(name: str) -> str:
        return f"1/{grep / tokens(name, SHARE):.0f}" if grep else "absent"

    rows = [
        [
            name,
            f"{tokens(name, 0.5):,.0f}",
            f"{tokens(name, SHARE):,.0f}",
            of_grep(name),
            f"{sum(not reading.found for reading in each)}",
        ]
        for name, each in readings.items()
    ]
    rows += [[name, how] for name, how in bench.absent().items()]
    others = {"ripgrep": f"{grep:,.0f} tokens" if grep else "absent"}
    if "semble" in readings:
        others["semble"] = of_grep("semble")
    return Findings(
        figures=(
            Figure(
                "tokens read until the answer's file has come, at 90% of the questions, of grep's",
                f"1/{GOAL}",
                f"{of_grep('ours')} ({tokens('ours', SHARE):,.0f})",
                others,
            ),
        ),
        tables=(
            Table(
                "Tokens read until the answer's file has come",
                ["reader", "at 50%", "at 90%", "of grep's at 90%", "never found"],
                rows,
                f"A token is {CHARACTERS_PER_TOKEN} characters. The searcher asks for "
                f"{', '.join(map(str, LIMITS))} results in turn and reads each answer from the "
                "top, headers and all, until a result is from a file that answers. The grepper "
                "reads what one `rg --count` a word prints, then whole files in the order of "
                "ripgrep's row above. With augment_query, all of its context is read (up to "
                f"{_AUGMENTED:,} tokens) before anything is searched for. Whoever never comes to "
                "the file has read the whole package on top.",
            ),
        ),
    )
