"""HDBSCAN gives scikit-learn's clusters, in any order of the rows, and only kinds of task."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.cluster import HDBSCAN

from hybrid_coordinator.domain.recurrence import similarity
from hybrid_coordinator.learning.skills.clustering import NOISE, hdbscan
from hybrid_coordinator.learning.skills.likeness import NEAREST, distances
from tests.domain.task_examples import FIXES

seeds = st.integers(0, 2**32 - 1)


def between(points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Euclidean distances, symmetric to the last bit."""
    steps = points[:, None] - points[None]
    return np.sqrt((steps * steps).sum(-1)).astype(np.float32)


def clouds(seed: int) -> NDArray[np.float64]:
    """Up to 60 points in a few clouds of different density."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 4, (int(rng.integers(1, 5)), 2))
    return np.concatenate(
        [
            rng.normal(each, rng.uniform(0.05, 1.5), (int(rng.integers(3, 15)), 2))
            for each in centres
        ]
    )


def parts(labels: NDArray[np.intp]) -> set[frozenset[int]]:
    """The clusters, whatever their numbers."""
    return {
        frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist()) - {-1}
    }


def reference(matrix: NDArray[np.float32], least: int) -> set[frozenset[int]]:
    model = HDBSCAN(metric="precomputed", min_cluster_size=least, min_samples=2, copy=True)
    return parts(model.fit(matrix.astype(np.float64)).labels_)


@given(seeds, st.sampled_from([2, 3, 5]))
@settings(deadline=None, max_examples=150)
def test_without_ties_the_clusters_are_scikit_learns(seed: int, least: int) -> None:
    matrix = between(clouds(seed))
    if len(matrix) >= least:
        assert parts(hdbscan(matrix, least=least)) == reference(matrix, least)


def test_of_real_tasks_the_clusters_are_scikit_learns() -> None:
    endings = ("", " and add a test", " before the release", " as the issue says, quickly")
    tasks = [f"{task}{ending}" for task, _ in FIXES.values() for ending in endings]
    # Equal distances, which words give, are told apart by a little that is the same each way.
    noise = np.random.default_rng(1).uniform(0, 1e-3, (len(tasks), len(tasks))).astype(np.float32)
    matrix = distances(tasks) + noise + noise.T
    found = parts(hdbscan(matrix, least=3))
    assert found == reference(matrix, 3)
    assert len(found) >= len(FIXES) // 2


@given(seeds, st.integers(0, 4), st.sampled_from([None, 1.0, 3.0]))
@settings(deadline=None)
def test_the_order_of_the_rows_changes_no_cluster(seed: int, grid: int, cut: float | None) -> None:
    # On a grid most distances are equal to others.
    points = clouds(seed) if grid == 0 else np.round(clouds(seed) * grid) / grid
    order = np.random.default_rng(seed).permutation(len(points))
    plain = parts(hdbscan(between(points), least=3, cut=cut))
    mixed = parts(hdbscan(between(points[order]), least=3, cut=cut))
    assert {frozenset(order[list(each)].tolist()) for each in mixed} == plain


@given(seeds)
@settings(deadline=None)
def test_a_cluster_is_as_large_as_asked_and_joined_by_steps_within_the_cut(seed: int) -> None:
    matrix = between(clouds(seed))
    for least in (2, 4):
        for members in parts(hdbscan(matrix, least=least, cut=0.8)):
            assert len(members) >= least
            inside = sorted(members)
            reached, waiting = set(), [inside[0]]
            while waiting:
                at = waiting.pop()
                reached.add(at)
                waiting += [
                    to for to in range(len(matrix)) if matrix[at, to] <= 0.8 and to not in reached
                ]
            assert members <= reached


def test_a_step_as_long_as_the_cut_is_let_in_and_a_longer_one_is_not() -> None:
    matrix = between(np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]))
    assert parts(hdbscan(matrix, least=3, cut=1.0)) == {frozenset(range(3))}
    assert parts(hdbscan(matrix, least=3, cut=0.99)) == set()


def test_of_equally_stable_clusterings_the_wider_is_taken() -> None:
    # Densities 0 (all), 1 (the two halves part) and 2 (they fall apart): 6 x 1 against 2 x 3 x 1.
    halves = np.repeat([0, 1], 3)
    matrix = np.where(halves[:, None] == halves[None], 0.5, 1.0).astype(np.float32)
    assert parts(hdbscan(matrix, least=3, cut=np.inf)) == {frozenset(range(6))}
    matrix[matrix == 0.5] = 0.25
    assert parts(hdbscan(matrix, least=3, cut=np.inf)) == {
        frozenset({0, 1, 2}),
        frozenset({3, 4, 5}),
    }


def test_with_a_cut_all_may_be_one_cluster_and_without_it_never() -> None:
    matrix = between(np.random.default_rng(2).normal(0, 0.1, (12, 2)))
    assert parts(hdbscan(matrix, least=12, cut=1.0)) == {frozenset(range(12))}
    assert parts(hdbscan(matrix, least=12)) == set()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_are_noise(count: int) -> None:
    labels = hdbscan(np.zeros((count, count), np.float32), least=3, cut=0.5)
    assert labels.tolist() == [NOISE] * count


def test_all_equal_things_are_one_cluster() -> None:
    assert parts(hdbscan(np.zeros((5, 5), np.float32), least=3, cut=0.5)) == {frozenset(range(5))}


@given(st.lists(st.text(max_size=60), min_size=2, max_size=6))
@settings(deadline=None)
def test_distances_are_those_of_the_similarity_of_two(tasks: list[str]) -> None:
    matrix = distances(tasks)
    for one, a in enumerate(tasks):
        for other, b in enumerate(tasks):
            if one != other:
                expected = min(1.0, max(NEAREST, 1 - similarity(a, b)))
                assert matrix[one, other] == pytest.approx(expected, abs=1e-4)
            assert matrix[one, other] == matrix[other, one]


def test_common_words_and_rare_ones_count_alike() -> None:
    tasks = [
        f"update the changelog for release {at} of package {'x' * (at % 7 + 3)}" for at in range(40)
    ]
    matrix = distances(tasks)
    for one in range(0, 40, 7):
        assert matrix[one, 20] == pytest.approx(
            max(NEAREST, 1 - similarity(tasks[one], tasks[20])), abs=1e-4
        )


def test_nothing_has_no_distances() -> None:
    assert distances([]).shape == (0, 0)
    assert distances(["", ""])[0, 1] == 1  # what says nothing is like nothing
