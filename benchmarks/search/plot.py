"""The plot: quality against time, one labelled point a system, for light and dark readers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchmarks.search.findings import Point

_WIDTH, _HEIGHT = 760, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 28, 56
_LETTER, _LINE = 7.2, 16
_GAP = 10

_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .axis { fill: #59636e; }
  .grid { stroke: #d1d9e0; stroke-width: 1; }
  .other { fill: #59636e; }
  .ours { fill: #0969da; }
  text.ours { font-weight: 600; }
  .link { stroke: #818b98; stroke-width: 1; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .axis { fill: #9198a1; }
    .grid { stroke: #3d444d; }
    .other { fill: #9198a1; }
    .ours { fill: #4493f8; }
    .link { stroke: #656c76; }
  }
"""


@dataclass(frozen=True, slots=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


@dataclass(frozen=True, slots=True)
class _Scale:
    """From milliseconds (logarithmic) and NDCG to places in the drawing."""

    fastest: int
    slowest: int
    worst: float

    @classmethod
    def of(cls, points: Sequence[Point]) -> _Scale:
        times = [math.log10(max(point.milliseconds, 1e-3)) for point in points]
        worst = math.floor(10 * min(point.quality for point in points)) / 10
        first = math.floor(min(times))
        return cls(first, max(first + 1, math.ceil(max(times))), min(worst, 0.9))

    def x(self, milliseconds: float) -> float:
        share = (math.log10(max(milliseconds, 1e-3)) - self.fastest) / (self.slowest - self.fastest)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, quality: float) -> float:
        share = (quality - self.worst) / (1 - self.worst)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def draw(points: Sequence[Point]) -> str:
    """An SVG that needs nothing else."""
    scale = _Scale.of(points)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        "<title>NDCG@10 against milliseconds a question</title>",
        f"<style>{_STYLE}</style>",
        *_axes(scale),
        *_points(points, scale),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _axes(scale: _Scale) -> Iterator[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    for tenth in range(round(10 * scale.worst), 11):
        y = scale.y(tenth / 10)
        yield f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
        yield (
            f'<text class="axis" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
            f"{tenth / 10:.1f}</text>"
        )
    for power in range(scale.fastest, scale.slowest + 1):
        x = scale.x(10**power)
        yield f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}"/>'
        yield (
            f'<text class="axis" x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">'
            f"{10**power:g} ms</text>"
        )
    middle = (_LEFT + right) / 2
    yield (
        f'<text class="axis" x="{middle}" y="{_HEIGHT - 10}" text-anchor="middle">'
        "time of a question (median, logarithmic)</text>"
    )
    yield f'<text class="axis" x="8" y="{_TOP - 10}">NDCG@10</text>'


def _points(points: Sequence[Point], scale: _Scale) -> Iterator[str]:
    dots = [(scale.x(point.milliseconds), scale.y(point.quality)) for point in points]
    taken = [_Box(x - 6, y - 6, x + 6, y + 6) for x, y in dots]
    for point, (x, y) in zip(points, dots, strict=True):
        look = "ours" if point.name == "ours" else "other"
        label = f"{point.name} {point.quality:.3f}"
        box = _free(x, y, len(label) * _LETTER, taken)
        taken.append(box)
        if not (box.left - 2 * _GAP < x < box.right + 2 * _GAP and abs(box.top - y) < 3 * _LINE):
            yield (
                f'<line class="link" x1="{x:.1f}" y1="{y:.1f}" x2="{box.left:.1f}" '
                f'y2="{box.bottom - 5:.1f}"/>'
            )
        yield f'<circle class="{look}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
        yield (
            f'<text class="{look}" x="{box.left:.1f}" y="{box.bottom - 4:.1f}">'
            f"{escape(label)}</text>"
        )


def _free(x: float, y: float, width: float, taken: Sequence[_Box]) -> _Box:
    """The nearest place where a label covers nothing."""
    half = _LINE / 2
    for step in range(12):
        away = step * _LINE / 2
        for left, top in (
            (x + _GAP, y - half - away),
            (x + _GAP, y - half + away),
            (x - _GAP - width, y - half - away),
            (x - _GAP - width, y - half + away),
            (x - width / 2, y - _GAP - _LINE - away),
            (x - width / 2, y + _GAP + away),
        ):
            box = _Box(left, top, left + width, top + _LINE)
            inside = box.left >= _LEFT and box.right <= _WIDTH and 0 <= box.top < _HEIGHT - _BOTTOM
            if inside and not any(box.meets(other) for other in taken):
                return box
    return _Box(x + _GAP, y - half, x + _GAP + width, y + half)
