"""What says the same is shown once; neighbours stand together where that is cheaper."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid_coordinator.domain.items import SourceLines, shown_ids
from hybrid_coordinator.knowledge.packing import pack
from tests.knowledge.packing.contexts import CODE, SKILLS, SourceFile, fenced_texts, item, lines

FILE = SourceFile("src/package/a.py", lines(100, "word"))
LESSON = (
    "Open a pool of connections once, when the program starts, and hand it to whoever needs it. "
    "A pool for each request opens a connection for each request, and the server runs out of them "
    "under load. Close the pool last, after all that used it has ended, and give it a time limit."
)


def test_repeated_and_contained_texts_are_shown_once() -> None:
    whole = item(lines(20, "word"), number=1)
    same = item(lines(20, "word") + "\n", number=2)
    part = item(lines(6, "word"), number=3)
    other = item(lines(6, "other"), number=4)

    packed = pack([whole, same, part, other], 2000)

    assert [one.id for one in packed.items] == ["id-1", "id-4"]
    assert shown_ids(packed.items) == ("id-1", "id-2", "id-3", "id-4")


def test_a_long_text_that_holds_a_short_one_is_another() -> None:
    short, long = item(lines(3, "word"), number=1), item(lines(30, "word"), number=2)

    assert [one.id for one in pack([short, long], 2000).items] == ["id-1", "id-2"]


def test_overlapping_lines_of_one_file_become_one_run() -> None:
    first = FILE.piece(10, 30, why="matches parse", score=0.4)
    second = FILE.piece(20, 45, why="matches date; matches parse", score=0.7)

    (shown,) = pack([first, second], 5000).items

    assert shown.text == FILE.text(10, 45)
    assert (shown.id, shown.merged_ids) == (first.id, (second.id,))
    assert shown.source == "src/package/a.py:10-45"
    assert shown.lines == SourceLines("/root", "src/package/a.py", 10, 45)
    assert (shown.why, shown.score) == ("matches parse; matches date", 0.7)


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(1, 25)), min_size=1, max_size=10))
def test_pieces_of_a_file_are_its_lines_each_once(spans: list[tuple[int, int]]) -> None:
    pieces = {
        (start, min(start + length, 100)): FILE.piece(start, min(start + length, 100))
        for start, length in spans
    }

    packed = pack(list(pieces.values()), 100_000, FILE.read)

    shown: list[int] = []
    for one in packed.items:
        assert one.lines is not None
        assert one.text == FILE.read(one.lines)
        shown += range(one.lines.start, one.lines.end + 1)
    assert shown == sorted(set(shown))
    assert set(shown) >= {line for start, end in pieces for line in range(start, end + 1)}
    assert set(shown_ids(packed.items)) == {piece.id for piece in pieces.values()}


def test_lines_that_changed_meanwhile_are_not_mixed() -> None:
    changed = SourceFile("src/package/a.py", lines(100, "other"))

    packed = pack([FILE.piece(10, 30), changed.piece(20, 45)], 5000)

    assert [one.text for one in packed.items] == [FILE.text(10, 30), changed.text(20, 45)]


def test_of_a_changed_and_an_old_piece_that_are_nearly_the_same_the_better_is_shown() -> None:
    text = lines(40, "word")
    old, new = SourceFile("a.py", text), SourceFile("a.py", text.replace("line 20", "line x"))

    (shown,) = pack([new.piece(1, 40), old.piece(2, 40)], 5000).items

    assert shown.text == new.text(1, 40)


def test_files_of_one_name_under_two_roots_are_two() -> None:
    there = SourceFile("src/package/a.py", lines(100, "other"), root="/elsewhere")

    packed = pack([FILE.piece(10, 30), there.piece(20, 45)], 5000)

    assert [fenced[1] for fenced in fenced_texts(packed.text)] == [
        FILE.text(10, 30),
        there.text(20, 45),
    ]
    assert packed.text.count("src/package/a.py") == 2


def test_a_text_of_other_length_than_its_place_has_none() -> None:
    piece = FILE.piece(10, 30)
    stale = replace(piece, lines=SourceLines("/root", "src/package/a.py", 10, 25))

    packed = pack([stale, FILE.piece(31, 40)], 5000)

    assert [one.text for one in packed.items] == [FILE.text(10, 30), FILE.text(31, 40)]
    assert packed.items[0].lines is None


def test_a_copy_of_code_is_named() -> None:
    code = lines(20, "word") + "\nreturn value"
    here = SourceFile("src/a.py", code).piece(1, 21, title="parse", why="matches parse")
    there = SourceFile("vendor/b.py", code.replace("line 7", "row 7")).piece(1, 21, title="parse")

    (shown,) = pack([here, there], 5000).items

    assert shown.text == here.text
    assert shown.merged_ids == (there.id,)
    assert shown.why == "matches parse; close in meaning; also in vendor/b.py:1-21"


def test_like_minded_neighbours_are_several_things() -> None:
    twins = [lines(20, "word"), lines(20, "word").replace("line 7", "row 7")]
    file = SourceFile("a.py", "\n".join([twins[0], *["x"] * 10, twins[1]]))
    first, second = file.piece(1, 20, title="get"), file.piece(31, 50, title="get")

    assert [one.text for one in pack([first, second], 5000).items] == twins


def test_code_of_another_name_is_no_copy() -> None:
    texts = [lines(20, "word"), lines(20, "word").replace("line 7", "row 7")]
    files = [SourceFile(f"{number}.py", text) for number, text in enumerate(texts)]
    get, put = files[0].piece(1, 20, title="get"), files[1].piece(1, 20, title="put")

    assert [one.text for one in pack([get, put], 5000).items] == texts


def test_a_lesson_stored_twice_with_small_edits_is_shown_once() -> None:
    again = LESSON.replace("the server runs", "our server soon runs")
    first = item(LESSON, number=1, collection=SKILLS, title="Pools", source="stored, 2026-01-01")
    second = item(again, number=2, collection=SKILLS, title="Pool", source="stored, 2026-02-02")

    (shown,) = pack([first, second], 5000).items

    assert shown.text == LESSON
    assert shown_ids([shown]) == ("id-1", "id-2")
    assert shown.why.endswith("; also in stored, 2026-02-02")


@pytest.mark.parametrize(
    ("one", "other"), [("always", "never"), ("at most 10", "at most 50"), ("is", "is not")]
)
def test_a_correction_of_a_lesson_is_no_copy_of_it(one: str, other: str) -> None:
    words = " ".join(f"word{number}" for number in range(60)).replace("0", "o")
    texts = [f"{words} the cache {said} cleared {words[::-1]}" for said in (one, other)]
    lessons = [item(text, number=n, collection=SKILLS) for n, text in enumerate(texts)]

    assert len(pack(lessons, 5000).items) == 2


def test_short_lessons_that_differ_in_a_word_are_two() -> None:
    texts = ["Always use a pool of connections here.", "Never use a pool of connections here."]
    lessons = [item(text, number=n, collection=SKILLS) for n, text in enumerate(texts)]

    assert len(pack(lessons, 5000).items) == 2


def test_neighbours_become_one_run() -> None:
    (shown,) = pack([FILE.piece(31, 50), FILE.piece(10, 30)], 5000).items

    assert shown.text == FILE.text(10, 50)
    assert shown.id == "src/package/a.py:31-50"


def test_a_small_gap_is_filled_where_the_lines_between_are_known() -> None:
    text = "\n".join([lines(20, "a"), "", "", lines(20, "b"), lines(9, "gap"), lines(20, "c")])
    file = SourceFile("src/package/a.py", text)
    pieces = [file.piece(1, 20), file.piece(23, 42), file.piece(52, 71)]

    known = pack(pieces, 5000, file.read)
    assert [one.text for one in known.items] == [file.text(1, 42), file.text(52, 71)]
    for unknown in (None, lambda _: None, lambda _: "other\nlines\nthan\nasked"):
        assert len(pack(pieces, 5000, unknown).items) == 3


def test_only_a_few_lines_between_are_asked_for() -> None:
    asked: list[SourceLines] = []

    def read(where: SourceLines) -> None:
        asked.append(where)

    pack([FILE.piece(1, 20), FILE.piece(24, 40), FILE.piece(60, 80)], 5000, read)

    assert asked == [SourceLines("/root", "src/package/a.py", 21, 23)]


def test_what_became_one_run_is_told_by_what_is_around_its_beginning() -> None:
    later = FILE.piece(25, 50, enclosing=("class Later:",))
    for end in (24, 30):
        earlier = FILE.piece(10, end, enclosing=("class Earlier:",))
        assert "| in class Earlier: |" in pack([later, earlier], 5000).text


def test_a_gap_that_costs_more_than_a_header_is_not_filled() -> None:
    text = "\n".join([lines(20, "a"), "long line " * 30, lines(20, "b")])
    file = SourceFile("src/package/a.py", text)

    assert len(pack([file.piece(1, 20), file.piece(22, 41)], 5000, file.read).items) == 2


def test_pieces_of_a_file_stand_together_and_name_it_once() -> None:
    other = SourceFile("b.py", lines(20, "other"))

    packed = pack([FILE.piece(60, 80), other.piece(1, 20), FILE.piece(10, 30)], 5000)

    assert [header for header, _ in fenced_texts(packed.text)] == [
        "[1] src/package/a.py:10-30 | close in meaning",
        "[2] same file:60-80",
        "[3] b.py:1-20 | close in meaning",
    ]


def test_blank_lines_around_a_piece_are_not_shown_nor_counted() -> None:
    file = SourceFile("a.py", "x\n\n  \n  y = 1\nz = 2\n\n")

    (shown,) = pack([file.piece(2, 6)], 500).items

    assert (shown.text, shown.source) == ("  y = 1\nz = 2", "a.py:4-5")
    assert shown.collection is CODE
