"""Context items to pack, files they come from, and packed text read as its reader reads it."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from hybrid_coordinator.domain.items import CollectionName, ContextItem, SourceLines

CODE = CollectionName.CODEBASE_CONTEXT
SKILLS = CollectionName.SKILLS_PATTERNS
ERRORS = CollectionName.ERROR_SOLUTIONS


def item(
    text: str, *, number: int = 0, collection: CollectionName = CODE, **labels: str
) -> ContextItem:
    """An item without a place in a file."""
    return ContextItem(
        id=f"id-{number}",
        collection=collection,
        title=labels.get("title", f"title {number}"),
        text=text,
        source=labels.get("source", f"src/file{number}.py:1-9"),
        score=1.0,
        why=labels.get("why", "matches parse_date in the code"),
    )


def lines(count: int, word: str) -> str:
    """Text of ``count`` different lines."""
    return "\n".join(f"{word} line {index} = compute({index})" for index in range(count))


class SourceFile:
    """A file of lines, and pieces of it."""

    def __init__(self, path: str, text: str, root: str = "/root") -> None:
        self.path = path
        self.root = root
        self._lines = text.split("\n")

    def text(self, start: int, end: int) -> str:
        return "\n".join(self._lines[start - 1 : end])

    def read(self, where: SourceLines) -> str:
        assert (where.root, where.path) == (self.root, self.path)
        return self.text(where.start, where.end)

    def piece(
        self,
        start: int,
        end: int,
        *,
        title: str = "",
        why: str = "close in meaning",
        signature: str = "",
        enclosing: tuple[str, ...] = (),
        score: float = 0.5,
    ) -> ContextItem:
        return ContextItem(
            id=f"{self.path}:{start}-{end}",
            collection=CODE,
            title=title or self.path,
            text=self.text(start, end),
            source=f"{self.path}:{start}-{end}",
            score=score,
            why=why,
            lines=SourceLines(self.root, self.path, start, end),
            signature=signature,
            enclosing=enclosing,
        )


nasty = st.one_of(
    st.text(max_size=400),
    st.text(alphabet="`~\n\r[1] \u2028x", max_size=400),
    st.integers(0, 120).map(lambda count: lines(count, "word")),
    st.integers(1, 3000).map(lambda count: "é" * count),
    st.integers(1, 300).map(lambda count: "x\n" + "`" * count + "\ny\n" * 40),
    st.sampled_from(["</hybrid-coordinator-context>", "x\n<hybrid-coordinator-context>\ny"]),
)
_learned = st.builds(
    ContextItem,
    id=st.uuids().map(str),
    collection=st.sampled_from(CollectionName),
    title=nasty,
    text=nasty,
    source=nasty,
    score=st.floats(0, 1),
    why=nasty,
    signature=nasty,
)
_paths = st.sampled_from(["a.py", "src/package/module/long_name_of_a_file.py", "`\n[1] x"])
_places = st.builds(
    SourceLines,
    root=st.sampled_from(["/one", "/two"]),
    path=_paths,
    start=st.integers(1, 60),
    end=st.integers(1, 60),
)


@st.composite
def _of_files(draw: st.DrawFn) -> ContextItem:
    """A piece of one of a few files, mostly with the lines that stand there."""
    learned = draw(_learned)
    place = draw(_places.filter(lambda one: one.start <= one.end))
    shift = draw(st.sampled_from([0, 0, 0, 1]))
    numbers = range(place.start + shift, place.end + 1 + shift)
    text = "\n".join(f"{place.path[0]} line {n} {'`' * (n % 5)}" for n in numbers)
    return ContextItem(
        id=learned.id,
        collection=CODE,
        title=learned.title,
        text=text,
        source=f"{place.path}:{place.start}-{place.end}",
        score=learned.score,
        why=learned.why,
        lines=place,
        signature=learned.signature,
        enclosing=draw(st.lists(nasty, max_size=3).map(tuple)),
    )


some_learned = st.lists(_learned, max_size=12, unique_by=lambda one: one.id)
some_items = st.lists(st.one_of(_learned, _of_files()), max_size=14, unique_by=lambda one: one.id)


def fenced_texts(text: str) -> list[tuple[str, str]]:
    """(header, text) of every block, read as CommonMark does: a fence closes at the first line
    that is only backticks, at least as many as opened it."""
    found, header, fence, body = [], "", None, []
    for line in text.split("\n"):
        if fence is None:
            if opened := re.fullmatch(r"(`{3,})", line):
                fence, body = opened[1], []
            else:
                header = line
        elif re.fullmatch(rf" {{0,3}}`{{{len(fence)},}}[ \t]*", line):
            found.append((header, "\n".join(body)))
            fence = None
        else:
            body.append(line)
    assert fence is None, "a fence was left open"
    return found


def outline_of(text: str) -> list[str]:
    """The lines of what is listed as not shown."""
    listed = text.rpartition("\nNot shown:\n")[2] if "\nNot shown:\n" in text else ""
    return [line for line in listed.split("\n") if line.startswith("- ")]
