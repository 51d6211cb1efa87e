"""From a file to the points that stand for it in the index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from time import monotonic

from hybrid_coordinator.domain.ids import chunk_id
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.knowledge.code.chunks import Chunk, cut, cut_by_lines, embedding_text
from hybrid_coordinator.knowledge.code.cleaning import clean
from hybrid_coordinator.knowledge.code.frameworks import detect_framework
from hybrid_coordinator.knowledge.code.languages import detect_language
from hybrid_coordinator.knowledge.code.read import SkipReason, SourceText, read_source
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.protocol import SparseText

RECIPE = "3"
"""Counted up whenever chunks or their texts are made in another way, so that files are indexed
anew although they have not changed."""

SECONDS_A_FILE = 20.0
"""A megabyte of source takes one or two."""

_CRASHED = "it ended the process that parsed it, twice"

_BATCH_CHUNKS = 512
_BATCH_SECONDS = 0.25
"""Progress is told about this often while files are read that have not changed."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A point without its dense vector. ``text`` is what to embed."""

    id: str
    text: str
    sparse: SparseText
    payload: Mapping[str, JsonValue]

    def __reduce__(self) -> tuple[Callable[..., Draft], tuple[object, ...]]:
        # Between processes. A dataclass with slots asks for its fields each time, which takes
        # ten times as long as this.
        sparse = self.sparse
        return _draft_of, (self.id, self.text, sparse.indices, sparse.values, self.payload)


def _draft_of(
    id_: str,
    text: str,
    indices: tuple[int, ...],
    values: tuple[float, ...],
    payload: Mapping[str, JsonValue],
) -> Draft:
    return Draft(id_, text, SparseText(indices, values), payload)


@dataclass(frozen=True, slots=True)
class DraftedFile:
    """A file that is new or has changed, with the points to store for it. ``recorded_hash`` says
    of what content they were made, and how."""

    path: str
    recorded_hash: str
    drafts: tuple[Draft, ...]


@dataclass(slots=True)
class Batch:
    """What became of some files. ``stamps`` has those of the files that were read, by path;
    ``problems`` counts files whose syntax was not heeded, by reason."""

    looked_at: int = 0
    changed: list[DraftedFile] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    stamps: dict[str, str] = field(default_factory=dict)
    skipped: Counter[SkipReason] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Work:
    """Files to draft points for.

    Attributes:
        paths: relative to the root.
        known: recorded hashes by path; files that still have theirs are left as they are.
        by_lines: paths of files whose syntax is not to be heeded.
        seconds_a_file: processor time after which a file is given up.
    """

    root: Path
    project: str
    scrubber: Scrubber
    paths: tuple[str, ...]
    known: Mapping[str, str]
    by_lines: frozenset[str] = frozenset()
    seconds_a_file: float = SECONDS_A_FILE


class Drafter:
    """Reads files and drafts points for those that have changed, without the secrets that stand
    in them. Hostile files can end the process."""

    def __init__(self, work: Work, bm25: Bm25Encoder) -> None:
        self._work = work
        self._bm25 = bm25

    def batches(self, paths: Iterable[str]) -> Iterator[Batch]:
        """Go through ``paths``, which are of the work.

        Yields often enough to tell progress, and as soon as there are some hundred points.
        """
        batch, drafts, began = Batch(), 0, monotonic()
        for path in paths:
            drafts += self._add(batch, path)
            if drafts >= _BATCH_CHUNKS or monotonic() - began > _BATCH_SECONDS:
                yield batch
                batch, drafts, began = Batch(), 0, monotonic()
        if batch.looked_at:
            yield batch

    def _add(self, batch: Batch, path: str) -> int:
        """Put the file into the batch and return how many points were drafted for it."""
        batch.looked_at += 1
        source = read_source(self._work.root, path)
        if isinstance(source, SkipReason):
            batch.skipped[source] += 1
            return 0
        batch.stamps[path] = source.stamp
        recorded_hash = f"{RECIPE}:{source.content_hash}"
        if recorded_hash == self._work.known.get(path):
            batch.unchanged.append(path)
            return 0
        # Before cutting: titles and purposes are taken from the text, and a chunk may hold but a
        # part of a key.
        text = clean(source.text, self._work.scrubber)
        language = detect_language(path, text.partition("\n")[0])
        result = (
            cut_by_lines(text, language, _CRASHED)
            if path in self._work.by_lines
            else cut(text, language)
        )
        if result.problem is not None:
            batch.problems[result.problem] += 1
        framework = detect_framework(language.name, text)
        drafts = tuple(self._draft(source, chunk, framework) for chunk in result.chunks)
        batch.changed.append(DraftedFile(path, recorded_hash, drafts))
        return len(drafts)

    def _draft(self, source: SourceText, chunk: Chunk, framework: str | None) -> Draft:
        root, project = str(self._work.root), self._work.project
        text = embedding_text(source.path, chunk)
        payload: dict[str, JsonValue] = {
            "project": project,
            "root": root,
            "file_path": source.path,
            "title": chunk.symbol or PurePosixPath(source.path).name,
            "source": f"{source.path}:{chunk.start_line}-{chunk.end_line}",
            # The text of an item: the collection's definition names this field for it.
            "code_snippet": chunk.text,
            "language": chunk.language,
            "framework": framework,
            "purpose": chunk.purpose,
            "start_line": chunk.start_line,
            "end_line": chunk.end_line,
            "symbol": chunk.symbol,
            "kind": chunk.kind,
            "parent": chunk.parent,
            "signature": chunk.signature,
            "context": list(chunk.context),
            "defines": list(chunk.defines),
            "content_hash": source.content_hash,
            # Uses and outcomes are counted in the record; these are its projection.
            "access_count": 0,
            "success_rate": None,
            "last_accessed": None,
        }
        key = chunk_id(project, root, source.path, chunk.start_line, chunk.text)
        return Draft(key, text, self._bm25.document(text), payload)
