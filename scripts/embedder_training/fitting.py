"""Training: a question's vector is drawn to its answer's and away from other answers of the same
packages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from embedder_training.corpus import REWRITES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedder_training.corpus import Corpus, Ragged


@dataclass(frozen=True, slots=True)
class Recipe:
    """How it is trained.

    Attributes:
        shares: how much of a kind of examples an epoch takes, drawn anew each time; all of the
            kinds not named.
        group: examples of one package that stand side by side in a batch: each is a negative for
            the others, as the rest of a repository is when it is searched.
        scale: what cosines are multiplied with before the softmax.
        full_share: how often an answer is seen with its documentation, as the index has it.
        headless_share: how often it is seen without its path.
        max_tokens: of an answer.
        step: how far of the way from the start to what was learned the vectors are taken; less
            than 1 keeps more of what the start knows of language that is not about code.
    """

    shares: Mapping[str, float] = field(default_factory=lambda: {"name": 0.4, "comment": 0.5})
    epochs: int = 2
    batch: int = 1_024
    group: int = 32
    learning_rate: float = 3e-3
    warm_up: int = 50
    scale: float = 20.0
    full_share: float = 0.5
    headless_share: float = 0.2
    max_tokens: int = 250
    step: float = 0.85
    seed: int = 0


def fit(
    corpus: Corpus,
    start: NDArray[np.float32],
    recipe: Recipe,
    progress: Callable[[str], None],
) -> NDArray[np.float32]:
    """The trained vectors, a row a token; sums of them are compared by cosine, so that their
    lengths are the tokens' weights.

    Args:
        corpus: what is learned from.
        start: the vectors to begin with; their mean length is made 1.
        recipe: how.
        progress: told a line after each epoch.
    """
    return _Trainer(corpus, start, recipe).run(progress)


class _Trainer:
    def __init__(self, corpus: Corpus, start: NDArray[np.float32], recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self._random = np.random.default_rng(recipe.seed)
        self._corpus = corpus
        self._recipe = recipe
        first = torch.from_numpy(start)
        self._start = first / first.norm(dim=1).mean()
        self._vectors = torch.nn.Parameter(self._start.clone())
        # Tokens without meaning (unknown words, padding) have zeros and keep them.
        known = self._start.any(dim=1, keepdim=True)
        self._vectors.register_hook(lambda gradient: gradient * known)
        self._optimiser = torch.optim.Adam(
            [self._vectors], lr=recipe.learning_rate, betas=(0.9, 0.99)
        )
        self._shares = np.array([recipe.shares.get(kind, 1.0) for kind in corpus.kinds])
        self._by_package: dict[str, list[int]] = {}
        for number, package in enumerate(corpus.packages):
            self._by_package.setdefault(package, []).append(number)

    def run(self, progress: Callable[[str], None]) -> NDArray[np.float32]:
        steps = self._recipe.epochs * int(self._shares.sum() / self._recipe.batch)
        step = 0
        for epoch in range(self._recipe.epochs):
            losses = []
            for rows in self._batches():
                self._set_rate(step, steps)
                losses.append(self._step(rows))
                step += 1
            progress(f"epoch {epoch + 1}: {len(losses)} batches, loss {np.mean(losses):.3f}")
        learned = self._vectors.detach() - self._start
        vectors: NDArray[np.float32] = (self._start + self._recipe.step * learned).numpy()
        return vectors

    def _batches(self) -> Iterator[NDArray[np.int64]]:
        size = self._recipe.group
        groups = []
        for numbers in self._by_package.values():
            taken = self._random.random(len(numbers)) < self._shares[numbers]
            mixed = self._random.permutation(np.array(numbers)[taken])
            groups += [mixed[at : at + size] for at in range(0, len(mixed), size)]
        batch: list[NDArray[np.int64]] = []
        for place in self._random.permutation(len(groups)):
            batch.append(groups[place])
            if sum(map(len, batch)) >= self._recipe.batch:
                yield np.concatenate(batch)
                batch = []

    def _set_rate(self, step: int, steps: int) -> None:
        rising = min(1.0, (step + 1) / self._recipe.warm_up)
        for group in self._optimiser.param_groups:
            group["lr"] = self._recipe.learning_rate * rising * max(0.02, 1 - step / steps)

    def _step(self, rows: NDArray[np.int64]) -> float:
        ways = self._random.integers(0, REWRITES, len(rows))
        questions = self._embed(self._corpus.questions, rows * REWRITES + ways)
        answers = self._answers(rows)
        logits = self._recipe.scale * questions @ answers.T
        said = self._corpus.said[rows]
        alike = (said[:, None] == said[None]) & ~np.eye(len(rows), dtype=bool)
        logits = logits.masked_fill(torch.from_numpy(alike), -1e4)
        loss = functional.cross_entropy(logits, torch.arange(len(rows)))
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._optimiser.step()
        return loss.item()

    def _answers(self, rows: NDArray[np.int64]) -> torch.Tensor:
        headless = self._random.random(len(rows)) < self._recipe.headless_share
        skipped = np.where(headless, self._corpus.heads[rows], 0)
        full = self._random.random(len(rows)) < self._recipe.full_share
        parts = [
            self._embed(texts, rows[chosen], skipped[chosen])
            for texts, chosen in ((self._corpus.full, full), (self._corpus.bare, ~full))
        ]
        places = np.concatenate([np.flatnonzero(full), np.flatnonzero(~full)])
        return torch.cat(parts)[torch.from_numpy(np.argsort(places))]

    def _embed(
        self, texts: Ragged, rows: NDArray[np.int64], skipped: NDArray[np.int64] | int = 0
    ) -> torch.Tensor:
        begins = texts.ends[rows] + skipped
        ends = np.minimum(texts.ends[rows + 1], begins + self._recipe.max_tokens)
        lengths = np.maximum(ends - begins, 0)
        offsets = np.concatenate([[0], lengths.cumsum()])
        places = np.arange(offsets[-1]) - np.repeat(offsets[:-1] - begins, lengths)
        sums = functional.embedding_bag(
            torch.from_numpy(texts.ids[places].astype(np.int64)),
            self._vectors,
            torch.from_numpy(offsets[:-1]),
            mode="sum",
        )
        return functional.normalize(sums, dim=1, eps=1e-6)
