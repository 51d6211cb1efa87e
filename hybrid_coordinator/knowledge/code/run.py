"""One run of the indexer over a tree: the counts and notices of its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import InitVar, dataclass, field

from hybrid_coordinator.domain.indexing import IndexReport
from hybrid_coordinator.knowledge.code.points import Batch
from hybrid_coordinator.knowledge.code.read import SkipReason


@dataclass(slots=True)
class Run:
    """One run over a tree: what is in step by now, and what to say of it."""

    left_out: InitVar[Mapping[SkipReason, int]]
    lost: int
    removed: int = 0
    looked_at: int = 0
    files: int = 0
    chunks: int = 0
    unchanged: int = 0
    unembedded: int = 0
    embedder_problem: str | None = None
    seen: set[str] = field(default_factory=set)
    skipped: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)

    def __post_init__(self, left_out: Mapping[SkipReason, int]) -> None:
        self._skip(left_out)

    @property
    def embeds(self) -> bool:
        """Whether the embedder has answered so far."""
        return self.embedder_problem is None

    def keep(self, paths: Collection[str]) -> None:
        """Count files that need not be read."""
        self.looked_at += len(paths)
        self.unchanged += len(paths)
        self.seen.update(paths)

    def add(self, batch: Batch) -> None:
        """Count a batch that is stored."""
        self.looked_at += batch.looked_at
        self.files += len(batch.changed)
        self.chunks += sum(len(file.drafts) for file in batch.changed)
        self.unchanged += len(batch.unchanged)
        self.unembedded += 0 if self.embeds else len(batch.changed)
        self.seen.update(batch.unchanged, (file.path for file in batch.changed))
        self._skip(batch.skipped)
        self.problems.update(batch.problems)

    def _skip(self, reasons: Mapping[SkipReason, int]) -> None:
        self.skipped.update({str(reason): count for reason, count in reasons.items()})

    def report(self, seconds: float) -> IndexReport:
        """The report of the finished run."""
        notices = [
            f"{count} file{'s' if count > 1 else ''} cut by lines, not by syntax: {problem}."
            for problem, count in sorted(self.problems.items())
        ]
        if self.lost:
            notices.append(
                f"The index had lost {self.lost} of the chunks that were recorded; "
                "all files were indexed again."
            )
        if self.embedder_problem is not None and self.unembedded:
            notices.append(
                f"{self.unembedded} files can be found by their words only, since there is no "
                f"embedder: {self.embedder_problem} Index again once it answers."
            )
        return IndexReport(
            files=self.files,
            chunks=self.chunks,
            unchanged=self.unchanged,
            removed=self.removed,
            skipped=dict(sorted(self.skipped.items())),
            seconds=seconds,
            notices=tuple(notices),
        )
