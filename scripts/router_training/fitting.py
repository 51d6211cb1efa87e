"""Ridge regression over sparse rows, with numpy alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEPS = 200
_ENOUGH = 1e-5


@dataclass(frozen=True, slots=True)
class Sparse:
    """A matrix of rows by columns as its entries; ``row`` ascends."""

    row: NDArray[np.intp]
    column: NDArray[np.intp]
    value: Floats
    rows: int
    columns: int

    @classmethod
    def of(cls, rows: Sequence[Mapping[int, float]], columns: int) -> Sparse:
        sizes = [len(row) for row in rows]
        return cls(
            np.repeat(np.arange(len(rows)), sizes),
            np.fromiter((key for row in rows for key in row), np.intp, sum(sizes)),
            np.fromiter((value for row in rows for value in row.values()), float, sum(sizes)),
            len(rows),
            columns,
        )

    def times(self, weights: Floats) -> Floats:
        return np.bincount(self.row, self.value * weights[self.column], self.rows)

    def transposed_times(self, residuals: Floats) -> Floats:
        return np.bincount(self.column, self.value * residuals[self.row], self.columns)


def ridge(data: Sparse, wanted: Floats, penalty: Floats) -> Floats:
    """The weights that minimise the squared error plus each squared weight times its ``penalty``,
    by conjugate gradients on the normal equations."""

    def normal(weights: Floats) -> Floats:
        return data.transposed_times(data.times(weights)) + penalty * weights

    weights = np.zeros(data.columns)
    residual = data.transposed_times(wanted)
    scale = 1 / (np.bincount(data.column, data.value**2, data.columns) + penalty)
    direction = scale * residual
    size = first = float(residual @ direction)
    for _ in range(_STEPS):
        if size <= _ENOUGH**2 * first:
            break
        image = normal(direction)
        step = size / float(direction @ image)
        weights += step * direction
        residual = residual - step * image
        scaled = scale * residual
        size, before = float(residual @ scaled), size
        direction = scaled + size / before * direction
    return weights
