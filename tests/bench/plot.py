"""Line plots as SVG that reads on a light and on a dark page."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.table import Plot

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 40, 60
_COLORS = ("#2f81f7", "#d29922", "#3fb950", "#f85149")  # enough contrast on white and on black
_GREY = "#7d8590"


def svg(plot: Plot) -> str:
    """The plot; its x axis has a tick for each point of the first line, evenly spaced, its y axis begins at 0."""
    points = next(iter(plot.lines.values()))
    names = plot.ticks or [f"{x:,.0f}" for x, _ in points]
    top = _round_up(max(y for line in plot.lines.values() for _, y in line))
    parts = [_text(_WIDTH / 2, 22, plot.title, size=15), _text(_WIDTH / 2, _HEIGHT - 12, plot.x)]
    parts.append(f'<g transform="rotate(-90)">{_text(-_HEIGHT / 2, 16, plot.y)}</g>')
    for step in range(5):
        y = _y(step / 4)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="{_GREY}" stroke-opacity=".35"/>')
        parts.append(_text(_LEFT - 8, y + 4, f"{top * step / 4:,.4g}", anchor="end"))
    parts += [_text(_x(at, len(names)), _HEIGHT - _BOTTOM + 18, name) for at, name in enumerate(names)]
    for number, ((name, line), color) in enumerate(zip(plot.lines.items(), cycle(_COLORS), strict=False)):
        path = " ".join(f"{_x(at, len(names)):.1f},{_y(y / top):.1f}" for at, (_, y) in enumerate(line))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2.5"/>')
        parts.append(_text(_LEFT + 10, _TOP + 14 + 18 * number, name, anchor="start", color=color))
    style = 'font-family="system-ui, sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" {style}>'
    return "\n".join([head, f"<title>{plot.title}</title>", *parts, "</svg>", ""])


def _x(at: int, count: int) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (at + 0.5) / count


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * share


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 6, 8 times a power of ten."""
    power = 1.0
    while power * 10 < value:
        power *= 10
    while power > value:
        power /= 10
    return next(power * step for step in (1, 2, 4, 6, 8, 10) if power * step >= value)


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "middle", color: str = _GREY) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{color}">{text}</text>'
