"""The benchmark of the search: its measures are right, and it runs without its rivals."""

from __future__ import annotations

import gzip
import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks.search import metrics, plot, report
from benchmarks.search.data import Corpus, DataMissingError, Question, Target, load_questions
from benchmarks.search.findings import Figure, Findings, Point, Table
from benchmarks.search.questions import foreign
from benchmarks.search.reading import by_grep, by_search, read_until
from benchmarks.search.ripgrep import Ripgrep
from benchmarks.search.sections import SECTIONS
from benchmarks.search.systems import Result
from benchmarks.search.workbench import Sizes, Workbench

TOYS = {
    "kettle": {
        "boil.py": '"""Boiling water."""\n\n\ndef boil(litres):\n    """Heat the water until it '
        'boils."""\n    return heat(litres, celsius=100)\n',
        "safety.py": '"""Safety."""\n\n\ndef switch_off_when_dry(level):\n    """Cut the power of '
        'a dry kettle."""\n    return level == 0\n',
    },
    "ledger": {
        "balance.py": '"""Accounts."""\n\n\ndef balance_of(account):\n    """Sum all bookings of '
        'an account."""\n    return sum(account.bookings)\n',
        "currency.py": '"""Currencies."""\n\n\ndef exchange(amount, rate):\n    """Convert an '
        'amount between currencies."""\n    return amount * rate\n',
    },
}
ASKED = {
    "kettle": ("power of a dry kettle", "semantic", "src/kettle/safety.py"),
    "ledger": ("balance_of", "symbol", "src/ledger/balance.py"),
}


def result(path: str, start: int = 1, end: int = 10, text: str = "") -> Result:
    return Result(path, start, end, text)


def test_ndcg_by_hand() -> None:
    targets = [Target("a.py"), Target("b.py", 20, 30)]
    found = [
        result("a.py"),
        result("b.py", 1, 19),  # the right file, other lines
        result("b.py", 30, 40),
        result("a.py", 50, 60),  # a second hit of a target adds nothing
    ]
    ideal = 1 + 1 / math.log2(3)
    assert metrics.ndcg(found, targets) == pytest.approx((1 + 1 / math.log2(4)) / ideal)
    assert metrics.ndcg(found[:1], targets[:1]) == 1
    assert metrics.ndcg([], targets) == 0
    assert metrics.ndcg([result("x.py")] * 10 + found, targets) == 0


def test_ranks_by_hand() -> None:
    ranks = [metrics.rank_of("b", found) for found in (["b"], ["a", "a", "b"], ["a"])]
    assert ranks == [1, 2, None]
    assert metrics.mean_reciprocal_rank(ranks) == 0.5
    assert metrics.recall(ranks, 1) == pytest.approx(1 / 3)
    assert metrics.recall(ranks) == pytest.approx(2 / 3)


def test_percentiles_are_values_that_occurred() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0, 10.0, 6.0, 9.0, 8.0, 7.0]
    assert [metrics.percentile(values, share) for share in (0.5, 0.9, 1.0)] == [5, 9, 10]
    low, high = metrics.bootstrap([0.4, 0.5, 0.6])
    assert 0.4 <= low < 0.5 < high <= 0.6


class Listing:
    """A system with a fixed answer."""

    name = "listing"

    def __init__(self, *results: Result) -> None:
        self._results = results

    async def add(self, corpus: Corpus) -> None:
        """Nothing to do."""

    async def search(self, question: str, corpus: str, limit: int) -> list[Result]:
        return list(self._results[:limit])


async def test_reading_by_hand(tmp_path: Path) -> None:
    (tmp_path / "all.py").write_text("x" * 1_000)
    corpus = Corpus("p", tmp_path)
    asked = Question("p", "where", "semantic", (Target("here.py"),))
    here, other = result("here.py", text="h" * 7), result("other.py", text="o" * 10)

    assert read_until([other, here, other], asked).characters == 17
    first = await by_search(Listing(other, here), asked, corpus)
    assert (first.characters, first.found) == (17, True)
    # All five, and with the longer answer the same five again before the sixth.
    second = await by_search(Listing(*[other] * 5, here), asked, corpus)
    assert (second.characters, second.found) == (50 + 57, True)
    never = await by_search(Listing(other), asked, corpus)
    assert (never.characters, never.found) == (10 + 1_000, False)


async def test_grepping_by_hand(tmp_path: Path) -> None:
    """With grep in ripgrep's place, which counts alike."""
    rg = tmp_path / "rg"
    rg.write_text("#!/bin/sh\ngrep -rciF -- \"$5\" * | grep -v ':0$'\n")
    rg.chmod(0o755)
    root = tmp_path / "tree"
    root.mkdir()
    for name, text in (
        ("both.py", "kettle\nsteam\n"),
        ("often.py", "kettle\nkettle\nsteam\n"),
        ("once.py", "Kettle\nsteam\n"),
        ("rare.py", "valve\n"),
    ):
        (root / name).write_text(text)
    corpus = Corpus("p", root, "src")
    grep = Ripgrep(str(rg))
    await grep.add(corpus)
    printed, files = grep.look("how does the valve let kettle steam out", "p", None)
    assert [file.path for file in files] == [
        "src/rare.py",  # the only file with one of the words: 1, the others 2/3
        "src/often.py",  # more hits than the next
        "src/both.py",
        "src/once.py",
    ]
    counts = ("rare.py:1", "both.py:1", "often.py:2", "once.py:1", "both.py:1", "often.py:1")
    assert printed == sum(len(line) + 1 for line in (*counts, "once.py:1"))

    asked = Question("p", "valve kettle steam", "semantic", (Target("src/often.py"),))
    reading = await by_grep(grep, asked, corpus)
    assert (reading.characters, reading.found) == (printed + 6 + 20, True)
    elsewhere = Question("p", "valve kettle steam", "semantic", (Target("src/none.py"),))
    reading = await by_grep(grep, elsewhere, corpus)
    everything = 6 + 20 + 13 + 13
    assert (reading.characters, reading.found) == (printed + 2 * everything, False)


def test_packages_of_one_subject_are_not_foreign() -> None:
    asked = Question("fastapi", "", "semantic", ())
    packages = ["fastapi", "starlette", "pydantic", "click"]
    assert foreign(asked, packages) == ["click"]


def write_data(folder: Path) -> None:
    """Two made-up packages with a question each, and three functions."""
    packages = []
    for name, (query, category, path) in ASKED.items():
        root = folder / "packages" / f"{name}-1.0" / "src" / name
        root.mkdir(parents=True)
        for file, text in TOYS[name].items():
            (root / file).write_text(text)
        about = {"query": query, "category": category, "relevant": [{"path": path}]}
        packages.append(
            {
                "package": name,
                "version": "1.0",
                "index_root": f"src/{name}",
                "queries": [{**about, "secondary": []}],
            }
        )
    (folder / "code_search").mkdir()
    (folder / "code_search" / "dev.json").write_text(json.dumps(packages))
    functions = [
        "def add(a, b):\n    return a + b",
        "def reverse_text(text):\n    return text[::-1]",
    ]
    asked = [{"doc": "python reverse a text", "retrieval_idx": 1}]
    (folder / "cosqa").mkdir()
    for name, content in (
        ("code_idx_map.txt.gz", {code: number for number, code in enumerate(functions)}),
        ("cosqa-retrieval-dev-500.json.gz", asked),
    ):
        (folder / "cosqa" / name).write_bytes(gzip.compress(json.dumps(content).encode()))


def test_what_is_missing_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match=r"dev\.json is missing"):
        load_questions(tmp_path, tmp_path / "packages")
    write_data(tmp_path)
    (tmp_path / "packages" / "ledger-1.0").rename(tmp_path / "elsewhere")
    with pytest.raises(DataMissingError, match=r"missing: ledger-1\.0\. Get each"):
        load_questions(tmp_path, tmp_path / "packages")


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """Two toy packages, neither ripgrep nor semble."""
    write_data(tmp_path)
    (tmp_path / "s").mkdir()
    corpora, questions = load_questions(tmp_path, tmp_path / "packages")
    sizes = Sizes(rounds=1, few_chunks=10, many_chunks=20, tree_files=4, indexed_files=2)
    return Workbench(tmp_path, corpora, questions, tmp_path / "s", sizes, rg=None, semble=False)


EXPECTED = {
    "quality": ("1.000", "ripgrep | rg is not installed: pip install"),
    "ablation": (None, "| nothing: ours | 1.000 | +0.000 |"),
    "cosqa": ("1.000", "| plain BM25 |"),
    "reading": ("absent (", "semble | semble is not installed: pip install"),
    "abstention": ("0.0%", "| questions that the package answers | 2 | given | 0.0% |"),
    "indexing": (" a second", "semble | semble is not installed: pip install"),
    "queries": (" ms", "| ours, opened, has answered |"),
    "changes": (" ms", "| ours, the file indexed again |"),
}
"""Of each section: how its first figure ends or is, and what stands in a row."""


@pytest.mark.parametrize("section", SECTIONS)
async def test_a_section_runs_without_rivals(bench: Workbench, section: str) -> None:
    findings = await SECTIONS[section](bench)
    figure, row = EXPECTED[section]
    page = "\n".join(report.table(table) for table in findings.tables)
    assert row in page
    assert "inf" not in page.split()
    if figure is not None:
        assert figure in findings.figures[0].ours


def test_the_page(bench: Workbench, tmp_path: Path) -> None:
    findings = Findings(
        (Figure("speed", "5 ms", "4 ms", {"semble": "9 ms"}), Figure("size", "1 MB", "2 MB", {})),
        (Table("Rows", ["system", "value"], [["ours", "1"], ["semble"]], "A note."),),
        (Point("ours", 1.0, 0.9),),
    )
    report.write(tmp_path / "page", findings, bench, list(SECTIONS))
    page = (tmp_path / "page" / "search.md").read_text()
    assert "| what | goal | ours | semble |" in page
    assert "| size | 1 MB | **2 MB** |  |" in page
    assert "## Rows\n\n| system | value |\n| --- | --- |\n| ours | 1 |\n| semble |  |" in page
    assert report.machine() in page
    ET.parse(tmp_path / "page" / "search.svg")


def test_the_plot_labels_every_system_without_overlap() -> None:
    points = [Point(f"system {number}", 1.0, 0.85) for number in range(6)]
    drawn = ET.fromstring(plot.draw([*points, Point("ours", 4.0, 0.9)]))
    labels = [
        (float(text.attrib["x"]), float(text.attrib["y"]))
        for text in drawn.iter("{http://www.w3.org/2000/svg}text")
        if text.attrib["class"] in {"ours", "other"}
    ]
    assert len(labels) == len(set(labels)) == 7
    assert "prefers-color-scheme: dark" in plot.draw(points)
