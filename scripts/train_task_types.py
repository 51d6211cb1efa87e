"""Fit the weights by which the classification tells kinds of tasks apart.

    python -m scripts.train_task_types [--target FOLDER]

Reads scripts/router_training/task_types.yaml and writes kinds.bin into FOLDER (default: the
package's classification folder). Prints how many prompts get their type, in ten folds. Nothing is
drawn at random; it takes some seconds.
"""

from __future__ import annotations

import argparse
import math
from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from hybrid_coordinator.domain.route import TaskType
from hybrid_coordinator.routing.classification.features import shape
from hybrid_coordinator.routing.classification.kinds import KINDS_FILE, SIGNS, signs
from scripts.router_training.fitting import Floats, Sparse, ridge

TARGET = Path(__file__).parents[1] / "hybrid_coordinator/routing/classification"
PROMPTS = Path(__file__).parent / "router_training" / "task_types.yaml"

_PENALTY = 1.0
_LARGEST = 127
_FOLDS = 10


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, measure, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--target", type=Path, default=TARGET, metavar="FOLDER")
    given = parser.parse_args(arguments)
    listed = yaml.safe_load(PROMPTS.read_text(encoding="utf-8"))
    seen = [signs(shape(prompt)) for name in TaskType for prompt in listed[name]]
    wanted = np.array([place for place, name in enumerate(TaskType) for _ in listed[name]])
    (given.target / KINDS_FILE).write_bytes(_quantised(_fit(seen, wanted)))
    print(f"{len(seen)} prompts, right in {_FOLDS} folds: {_cross_validated(seen, wanted):.3f}")


def _fit(seen: Sequence[Sequence[int]], wanted: NDArray[np.intp]) -> Floats:
    """One row of weights a type: each is fitted to tell its prompts from all others."""
    rows = [dict.fromkeys(each, 1 / math.sqrt(len(each))) for each in seen]
    data = Sparse.of(rows, SIGNS)
    penalty = np.full(SIGNS, _PENALTY)
    targets = (np.where(wanted == place, 1.0, -1.0) for place in range(len(TaskType)))
    return np.stack([ridge(data, target, penalty) for target in targets])


def _quantised(weights: Floats) -> bytes:
    """A byte a weight, of one scale for all types; only their order is asked for."""
    scale = float(np.abs(weights).max()) / _LARGEST
    return array("b", np.rint(weights / scale).astype(int).ravel().tolist()).tobytes()


def _cross_validated(seen: Sequence[Sequence[int]], wanted: NDArray[np.intp]) -> float:
    right = 0
    for fold in range(_FOLDS):
        asked = np.arange(fold, len(seen), _FOLDS)
        kept = np.setdiff1d(np.arange(len(seen)), asked)
        weights = _fit([seen[place] for place in kept], wanted[kept])
        found = [weights[:, seen[place]].sum(axis=1).argmax() for place in asked]
        right += int((np.array(found) == wanted[asked]).sum())
    return right / len(seen)


if __name__ == "__main__":
    main()
