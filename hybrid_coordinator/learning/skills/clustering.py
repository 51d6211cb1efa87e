"""HDBSCAN on a matrix of distances: which of many things belong together, and which to nothing.

Campello, Moulavi and Sander, "Density-Based Clustering Based on Hierarchical Density Estimates"
(PAKDD 2013), with the excess of mass of McInnes and Healy, "Accelerated Hierarchical Density Based
Clustering" (2017), for two points a core (min_samples=2): the mutual reachability of two things is
then their distance. Edges of equal length are removed at once, as the first paper has it, so the
result does not depend on the order of the rows; where no two are equal it is scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

NOISE = -1
"""The label of what belongs to no cluster."""

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Node:
    """What becomes one component where edges as long as ``distance`` are let in."""

    distance: float
    size: int
    children: tuple[int, ...] = ()


@dataclass(slots=True, eq=False)
class _Cluster:
    """A branch of the condensed tree, from ``birth`` (1 / distance) on; ``stability`` is the sum
    over its points of how much longer they stay in it."""

    birth: float
    stability: float = 0.0
    points: list[int] = field(default_factory=list)
    children: list[_Cluster] = field(default_factory=list)

    def everything(self) -> Iterable[int]:
        """The points of this branch and of those that grow from it."""
        waiting = [self]
        while waiting:
            cluster = waiting.pop()
            yield from cluster.points
            waiting += cluster.children


def hdbscan(distances: Matrix, *, least: int, cut: float | None = None) -> NDArray[np.intp]:
    """Label n things by their (n, n) symmetric distances, which are at least 0; returns (n,)
    labels from 0 on in the order of each cluster's first thing, NOISE for what is in none.

    A cluster has at least ``least`` members (2 or more). Things that no chain of steps up to
    ``cut`` leads between never share a cluster; without it, all of them never do.

    Takes O(n²) time, and O(n) memory beside the distances.
    """
    count = len(distances)
    labels = np.full(count, NOISE, np.intp)
    if count < least:
        return labels
    nodes, tops = _dendrogram(_spanning_tree(distances), count, cut)
    roots: list[_Cluster] = []
    for top in tops:
        if nodes[top].size >= least:
            root = _Cluster(birth=0.0 if cut is None else _density(cut))
            _condense(nodes, top, root, least)
            roots += root.children if cut is None else [root]
    chosen = [sorted(cluster.everything()) for root in roots for cluster in _most_stable(root)]
    for label, members in enumerate(sorted(chosen)):
        labels[members] = label
    return labels


def _density(distance: float) -> float:
    return 1.0 / distance if distance > 0 else np.inf


def _spanning_tree(distances: Matrix) -> list[tuple[float, int, int]]:
    """The edges of a minimum spanning tree, shortest first (Prim's algorithm)."""
    count = len(distances)
    outside = np.ones(count, bool)
    nearest = np.full(count, np.inf)
    source = np.zeros(count, np.intp)
    edges: list[tuple[float, int, int]] = []
    current = 0
    for _ in range(count - 1):
        outside[current] = False
        closer = outside & (distances[current] < nearest)
        nearest[closer], source[closer] = distances[current][closer], current
        current = int(np.argmin(np.where(outside, nearest, np.inf)))
        edges.append((float(nearest[current]), int(source[current]), current))
    return sorted(edges)


def _dendrogram(
    edges: list[tuple[float, int, int]], count: int, cut: float | None
) -> tuple[list[_Node], list[int]]:
    """Every component on the way from single points (the first ``count`` nodes) to the whole, and
    the nodes that are left in the end: one, or one a component within ``cut``."""
    nodes = [_Node(0.0, 1) for _ in range(count)]
    parent = list(range(count))  # of points, for union-find
    node_of = list(range(count))  # of a component's representative

    def find(point: int) -> int:
        while parent[point] != point:
            parent[point] = parent[parent[point]]
            point = parent[point]
        return point

    for distance, level in groupby(edges, key=lambda edge: edge[0]):
        if cut is not None and distance > cut:
            break
        joined: dict[int, list[int]] = {}
        for _, first, second in level:
            a, b = find(first), find(second)
            below = joined.pop(a, [node_of[a]]) + joined.pop(b, [node_of[b]])
            parent[b] = a
            joined[a] = below
        for representative, children in joined.items():
            size = sum(nodes[child].size for child in children)
            node_of[representative] = len(nodes)
            nodes.append(_Node(distance, size, tuple(children)))
    return nodes, [node_of[point] for point in range(count) if find(point) == point]


def _condense(nodes: list[_Node], top: int, cluster: _Cluster, least: int) -> None:
    """Fill ``cluster`` and grow its children: splits that leave fewer than ``least`` are points
    that fall out, not clusters."""
    waiting = [(top, cluster)]
    while waiting:
        at, own = waiting.pop()
        node = nodes[at]
        density = _density(node.distance)
        large = [child for child in node.children if nodes[child].size >= least]
        own.stability += _stayed(node, nodes, large, density, own.birth)
        for child in node.children:
            if nodes[child].size < least:
                own.points += _leaves(nodes, child)
        if len(large) == 1:
            waiting.append((large[0], own))
            continue
        for child in large:
            own.children.append(_Cluster(density))
            waiting.append((child, own.children[-1]))


def _stayed(
    node: _Node, nodes: list[_Node], large: list[int], density: float, birth: float
) -> float:
    """What the points that leave a cluster at this split add to its stability."""
    remaining = nodes[large[0]].size if len(large) == 1 else 0
    return (node.size - remaining) * (density - birth) if density > birth else 0.0


def _leaves(nodes: list[_Node], top: int) -> list[int]:
    found, waiting = [], [top]
    while waiting:
        at = waiting.pop()
        if nodes[at].children:
            waiting += nodes[at].children
        else:
            found.append(at)
    return found


def _most_stable(root: _Cluster) -> list[_Cluster]:
    """The branches, none within another, whose stability adds up to most. Of equals, the wider."""
    order, waiting = [], [root]
    while waiting:
        cluster = waiting.pop()
        order.append(cluster)
        waiting += cluster.children
    best: dict[_Cluster, tuple[float, list[_Cluster]]] = {}
    for cluster in reversed(order):
        below = [best.pop(child) for child in cluster.children]
        total = sum(stability for stability, _ in below)
        if total > cluster.stability:
            best[cluster] = total, [each for _, chosen in below for each in chosen]
        else:
            best[cluster] = cluster.stability, [cluster]
    return best[root][1]
