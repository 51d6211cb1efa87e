"""The reliability plot: confidence against the share that was right, for light and dark readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.routing.fitting import Bin

_SIDE = 400
_LEFT, _TOP, _RIGHT, _BOTTOM = 64, 28, 24, 56
_LARGEST = 16

_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #59636e; }
  .grid { stroke: #d1d9e0; stroke-width: 1; }
  .even { stroke: #818b98; stroke-width: 1; stroke-dasharray: 5 4; }
  .ours { stroke: #0969da; stroke-width: 2; fill: none; }
  circle { fill: #0969da; fill-opacity: 0.75; }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1; }
    .grid { stroke: #3d444d; }
    .even { stroke: #656c76; }
    .ours { stroke: #4493f8; }
    circle { fill: #4493f8; }
  }
"""


def draw(found: Sequence[Bin]) -> str:
    """An SVG that needs nothing else. A point's area grows with its number of answers."""
    width, height = _LEFT + _SIDE + _RIGHT, _TOP + _SIDE + _BOTTOM
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>Confidence of the answer check against the share of right answers</title>",
        f"<style>{_STYLE}</style>",
        *_axes(),
        *_points(found),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _x(confidence: float) -> float:
    return _LEFT + confidence * _SIDE


def _y(right: float) -> float:
    return _TOP + (1 - right) * _SIDE


def _axes() -> Iterator[str]:
    for fifth in range(6):
        at = fifth / 5
        yield f'<path class="grid" d="M{_x(at):.0f} {_y(0)}V{_y(1)}M{_x(0)} {_y(at):.0f}H{_x(1)}"/>'
        yield (
            f'<text x="{_x(at):.0f}" y="{_y(0) + 20:.0f}" text-anchor="middle">{at:.1f}</text>'
            f'<text x="{_x(0) - 8:.0f}" y="{_y(at) + 4:.0f}" text-anchor="end">{at:.1f}</text>'
        )
    yield f'<path class="even" d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}"/>'
    yield f'<text x="8" y="{_TOP - 10}">share right</text>'
    middle = _x(0.5)
    yield f'<text x="{middle:.0f}" y="{_y(0) + 44:.0f}" text-anchor="middle">confidence</text>'


def _points(found: Sequence[Bin]) -> Iterator[str]:
    most = max(each.count for each in found)
    path = "L".join(f"{_x(each.confidence):.1f} {_y(each.right):.1f}" for each in found)
    yield f'<path class="ours" d="M{path}"/>'
    for each in found:
        radius = max(2.0, _LARGEST * (each.count / most) ** 0.5)
        yield (
            f'<circle cx="{_x(each.confidence):.1f}" cy="{_y(each.right):.1f}" r="{radius:.1f}"/>'
        )
