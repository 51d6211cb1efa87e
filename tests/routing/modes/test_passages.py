"""Cutting files: every line is read, no passage is too large, every source is exact."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_coordinator.domain.ask import FileText
from hybrid_coordinator.domain.tokens import estimate_tokens
from hybrid_coordinator.routing.modes.passages import Material, Source, merged, split

LINES = st.lists(
    st.one_of(
        st.just(""),
        st.text(alphabet="ab (){}:é世🙂\t", max_size=40),
        st.builds(lambda indent, word: " " * indent + word, st.integers(0, 8), st.just("def f():")),
        st.builds(lambda sign, n: sign * n, st.sampled_from("x世"), st.integers(200, 2000)),
    ),
    max_size=60,
)


@given(LINES, st.integers(64, 400))
@settings(max_examples=150)
def test_every_line_is_in_a_passage_none_is_too_large_and_sources_are_exact(lines, max_tokens):
    passages = list(split(FileText("a.py", "\n".join(lines)), max_tokens))
    pieces: dict[int, str] = {}
    seen: set[int] = set()
    for passage in passages:
        assert passage.tokens <= max_tokens
        source = passage.source
        stands = "\n".join(lines[source.start - 1 : source.end])
        if source.start == source.end:
            pieces[source.start] = pieces.get(source.start, "") + passage.text
        else:
            assert passage.text == stands
            assert not seen & set(range(source.start, source.end + 1))
        seen |= set(range(source.start, source.end + 1))
    assert all(text == lines[number - 1] for number, text in pieces.items())
    assert {number for number, line in enumerate(lines, 1) if line.strip()} <= seen


@given(st.lists(LINES, max_size=4), st.integers(150, 600), st.data())
@settings(max_examples=100)
def test_parts_hold_everything_in_order_within_the_budget(files, budget, data):
    texts = [FileText(f"{at}.py", "\n".join(lines)) for at, lines in enumerate(files)]
    material = Material(texts, passage_tokens=150)
    expected, count = material.parts(budget), 0
    untouched = Material(texts, passage_tokens=150)
    while untouched.take(budget):
        count += 1
    assert count == expected
    read: list[tuple[str, str]] = []
    while part := material.take(budget):
        assert sum(passage.tokens for passage in part) <= budget
        if data.draw(st.booleans()):
            # What does not fit a model after all comes back, and is cut finer.
            material.put_back(part)
            budget = max(100, budget // 2)
            continue
        read += [(passage.source.path, passage.text) for passage in part]
    assert material.tokens == 0
    for file in texts:
        whole = "".join(text for path, text in read if path == file.path)
        assert "".join(whole.split()) == "".join(file.text.split())


def test_a_cut_comes_before_a_new_definition_and_says_where_it_is():
    body = "\n".join(f"    value_{number} = compute({number})" for number in range(12))
    text = "\n\n".join(f"def part_{number}():\n{body}" for number in range(6))
    passages = list(split(FileText("m.py", text), 200))
    assert all(passage.text.startswith("def part_") for passage in passages)
    long = "class Big:\n" + "\n".join(f"    line {number}" for number in range(300))
    first, second, *_ = split(FileText("m.py", long), 120)
    assert first.source == Source("m.py", 1, first.source.end)
    assert second.label(2) == f"[2] m.py:{second.source.start}-{second.source.end} (in: class Big:)"


def test_a_large_file_is_cut_in_linear_time():
    lines = "\n".join(f"entry {number}: {'word ' * 8}" for number in range(20_000))
    passages = list(split(FileText("log.txt", lines), 400))
    assert passages[-1].source.end == 20_000
    assert max(passage.tokens for passage in passages) <= 400
    assert sum(estimate_tokens(passage.text) for passage in passages) > 0.9 * estimate_tokens(lines)


def test_sources_that_touch_are_made_one():
    sources = [Source("b", 1, 4), Source("a", 5, 9), Source("a", 1, 4), Source("a", 11, 12)]
    assert [str(source) for source in merged(sources)] == ["a:1-9", "a:11-12", "b:1-4"]
