"""The benchmarks of calls and of the cache by meaning count what they say they count."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path

import pytest

from benchmarks.routing import outage, overhead, semantic_cache
from benchmarks.routing.clients import Calls, Plain, Recorded, Router
from benchmarks.routing.data import DataMissingError
from benchmarks.routing.loopback_server import loopback_server

PAIRS = [
    ("How do I boil water in a kettle?", "How do I boil some water in a kettle?"),
    ("Which birds stay in the north over winter?", "Which birds do stay in the north over winter?"),
    ("The file a.txt has 3 lines", "The file a.txt has exactly 3 lines"),
    ("The file a.txt has 4 lines", "The meaning of life"),
]


def write(data: Path) -> None:
    (data / "cache").mkdir()
    rows = [{"origin": origin, "similar": similar} for origin, similar in PAIRS]
    with gzip.open(data / "cache" / "similar_queries.json.gz", "wt", encoding="utf-8") as file:
        json.dump(rows, file)


def test_hits_by_meaning_are_counted(tmp_path: Path):
    write(tmp_path)
    table = semantic_cache.measure(tmp_path)
    rows = {row[0]: dict(zip(table.header, row, strict=True)) for row in table.rows}
    ours = rows["**ours, as shipped (off by default)**"]
    alone = rows["cosine alone, GPTCache's 0.8"]
    assert (ours["right"], ours["wrong"], ours["missed"]) == ("3", "0", "1")
    assert (alone["right"], alone["wrong"], alone["missed"]) == ("3", "0", "1")
    # The two about the file differ in a number alone.
    assert alone["wrong where the question is not cached"] == "25.0%"
    assert ours["wrong where the question is not cached"] == "0.0%"
    assert ours["wrong where one particular differs"] == "0.0%"
    assert alone["wrong where one particular differs"] == "100.0%"
    assert rows["exact only"]["right"] == "0"


def test_without_the_data_it_says_where_they_are_from(tmp_path: Path):
    with pytest.raises(DataMissingError, match="GPTCache"):
        semantic_cache.measure(tmp_path)


def test_every_way_gets_its_answer_and_is_timed():
    with loopback_server() as url:
        found = asyncio.run(overhead._timings(url, 3))
    assert list(found) == [Plain.name, Calls.name, Router.name, Recorded.name]
    for timings in found.values():
        assert len(timings) == 3
        assert all(0 < timed.sent < timed.first < timed.total for timed in timings)


def test_an_outage_hits_the_failing_server_twice_at_most(tmp_path: Path):
    table = outage.measure(tmp_path)
    hits = [int(row[2]) for row in table.rows if row[0] == "**ours**"]
    assert len(hits) == 2
    assert max(hits) <= 2
