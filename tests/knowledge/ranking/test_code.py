"""Ranking pieces of code by their evidence."""

from __future__ import annotations

import random
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.knowledge.ranking.asked import read_question
from hybrid_coordinator.knowledge.ranking.code import CodeWeights, rank_code
from hybrid_coordinator.knowledge.ranking.roles import Role
from hybrid_coordinator.storage.vectors.protocol import ScoredHit

NOTHING = CodeWeights(
    **{each.name: 0.0 for each in fields(CodeWeights) if each.name != "roles"}, roles={}
)
"""With no evidence at all the engine's order stays."""
NEUTRAL = replace(NOTHING, same_file=1.0, only_imports=1.0, older_copy=1.0)


def hit(path: str, score: float, symbol: str = "", **payload: object) -> ScoredHit:
    given = {
        "file_path": path,
        "symbol": symbol or None,
        "kind": "function" if symbol else "block",
        "language": "python",
        "defines": [symbol.rpartition(".")[2]] if symbol else [],
    }
    return ScoredHit(f"{path}:{symbol}", score, given | payload)


def order(question: str, hits: list[ScoredHit], weights: CodeWeights | None = None) -> list[str]:
    return [each.id for each in rank_code(hits, read_question(question), weights)]


def test_without_evidence_the_order_is_the_engine_s() -> None:
    hits = [hit("b.py", 0.1, "one"), hit("a.py", 0.3), hit("tests/c.py", 0.2)]
    assert order("how is one made", hits, NEUTRAL) == ["a.py:", "tests/c.py:", "b.py:one"]


def test_the_definition_of_a_named_symbol_comes_first() -> None:
    uses = [hit(f"use{number}.py", 1 - number / 100, "caller") for number in range(20)]
    assert order("HTTPAdapter", [*uses, hit("z.py", 0.2, "HTTPAdapter")])[0] == "z.py:HTTPAdapter"
    asked = "how does HTTPAdapter send a request"
    assert order(asked, [*uses[5:], hit("z.py", 0.6, "HTTPAdapter")])[0] == "z.py:HTTPAdapter"


def test_the_beginning_of_a_definition_comes_before_its_further_parts_and_other_capitals() -> None:
    begins = hit("a.py", 0.5, "Session")
    goes_on = hit("b.py", 0.5, "Session", defines=[])
    method = hit("c.py", 0.5, "Session.send")
    rough = hit("d.py", 0.5, "session")
    other = hit("e.py", 0.5, "Connection")
    found = order("Session", [other, rough, method, goes_on, begins])
    assert found[0] == begins.id
    assert found[-1] == other.id


def test_a_name_that_says_the_question_comes_before_one_that_does_not() -> None:
    hits = [hit("a.py", 0.50, "run"), hit("b.py", 0.45, "parse_request_headers")]
    assert order("parsing of request headers", hits)[0] == "b.py:parse_request_headers"


@pytest.mark.parametrize(
    ("question", "path"),
    [
        ("cookie storage and persistence", "src/cookies.py"),
        ("authentication mechanisms", "src/auth.py"),
        ("how are routes matched", "src/routing.py"),
        ("persistence of models", "src/persistence/__init__.py"),
        ("persistence of models", "src/persistence/mod.rs"),
        ("request headers", "src/http-request-header.ts"),
        ("token checks", "middleware/token/check_all.go"),
    ],
)
def test_a_file_whose_name_the_question_says_comes_first(question: str, path: str) -> None:
    hits = [hit("src/other.py", 0.5, "x"), hit(path, 0.4, "y")]
    assert order(question, hits)[0] == f"{path}:y"


def test_a_file_where_much_was_found_comes_before_one_where_little_was() -> None:
    lone = hit("a.py", 0.50, "first")
    several = [hit("b.py", 0.48 - number / 100, f"part{number}") for number in range(6)]
    assert order("something else", [lone, *several])[0] == "b.py:part0"


def test_the_best_piece_of_each_file_comes_before_the_next_of_one() -> None:
    hits = [hit("a.py", 1.0, "one"), hit("a.py", 0.9, "two"), hit("b.py", 0.6, "three")]
    assert order("something else", hits) == ["a.py:one", "b.py:three", "a.py:two"]


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("tests/test_routing.py", "python"),
        ("vendor/routing.py", "python"),
        ("routing.min.js", "javascript"),
        ("docs/routing.md", "markdown"),
        ("examples/routing.py", "python"),
        ("legacy/routing.py", "python"),
        ("routing.pyi", "python"),
    ],
)
def test_what_is_beside_the_code_comes_after_it_unless_asked_for(path: str, language: str) -> None:
    code = hit("src/routing.py", 0.8, "route")
    beside = hit(path, 1.0, "route", language=language)
    assert order("how are routes matched", [code, beside])[0] == code.id
    role = {"min": "minified", "docs": "documentation", "vendor": "vendored", "pyi": "stub"}
    word = next((word for part, word in role.items() if part in path), path.partition("/")[0])
    assert order(f"{word} of how routes match", [code, beside])[0] == beside.id


def test_an_older_copy_comes_after_the_newer_one_only_where_there_is_one() -> None:
    old, new = hit("pkg/v1/fields.py", 1.0, "Field"), hit("pkg/fields.py", 0.9, "Field")
    assert order("Field", [old, new]) == [new.id, old.id]
    other = hit("pkg/main.py", 0.9, "Field")
    assert order("Field", [old, other]) == [old.id, other.id]


def test_a_front_file_that_only_imports_comes_after_what_it_imports() -> None:
    front = hit("pkg/auth/__init__.py", 1.0)
    code = hit("pkg/auth/tokens.py", 0.8, "check")
    assert order("how are auth tokens checked", [front, code])[0] == code.id


def test_a_note_on_code_counts_for_the_symbol_that_it_names() -> None:
    note = ScoredHit("note", 0.3, {"symbol": "Session.send", "title": "Session.send"})
    assert order("Session.send", [hit("a.py", 1.0, "other"), note])[0] == "note"


def test_the_text_of_an_error_is_found_where_it_stands_whatever_names_say() -> None:
    raised = hit("core/run.py", 0.9, "check", language="python")
    named = hit("values/value_error.py", 0.8, "ValueError")
    in_test = hit("tests/test_run.py", 1.0, "check")
    found = order("ValueError: the value is out of range", [named, raised, in_test])
    assert found == [raised.id, named.id, in_test.id]


def test_notes_are_each_of_a_file_of_their_own() -> None:
    notes = [ScoredHit(f"note{number}", 0.9, {"title": "a note"}) for number in range(3)]
    assert order("something else", [*notes, hit("a.py", 0.5, "x")])[:3] == [
        "note0",
        "note1",
        "note2",
    ]


def test_files_of_one_path_under_two_roots_are_two() -> None:
    hits = [
        replace(hit("main.py", 0.9, name, root=root), id=name)
        for name, root in (("one", "/one"), ("two", "/two"))
    ]
    ranked = rank_code(hits, read_question("something else"))
    assert ranked[0].score == ranked[1].score


def test_scores_below_nothing_keep_their_order() -> None:
    hits = [hit("a.py", -0.1), hit("b.py", -0.3), hit("c.py", 0.2)]
    assert order("something else", hits)[0] == "c.py:"


def test_nothing_found_is_nothing_ranked() -> None:
    assert rank_code([], read_question("anything")) == []


paths = st.sampled_from(["a.py", "b/c.py", "tests/d.py", "v1/a.py", "docs/x.md", ""])
hits_lists = st.lists(
    st.tuples(paths, st.floats(-1, 1), st.sampled_from(["", "Session", "Session.send", "x"])),
    max_size=30,
)


@given(hits_lists, st.text(max_size=60), st.randoms())
def test_ranking_keeps_every_hit_and_does_not_depend_on_their_order(
    found: list[tuple[str, float, str]], question: str, chance: random.Random
) -> None:
    hits = [
        replace(hit(path, score, symbol), id=f"{number:03}")
        for number, (path, score, symbol) in enumerate(found)
    ]
    ranked = rank_code(hits, read_question(question))
    assert sorted(each.id for each in ranked) == sorted(each.id for each in hits)
    scores = [each.score for each in ranked]
    assert scores == sorted(scores, reverse=True)
    shuffled = list(hits)
    chance.shuffle(shuffled)
    assert rank_code(shuffled, read_question(question)) == ranked


def test_every_role_has_a_weight() -> None:
    assert set(CodeWeights().roles) == set(Role)
    assert all(0 < weight < 1 for weight in CodeWeights().roles.values())
