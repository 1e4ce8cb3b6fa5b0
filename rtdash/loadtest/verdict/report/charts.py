"""Line charts as inline SVG: no script, no font, no network."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 640, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 10, 26
_STEPS = (1, 2, 2.5, 5, 10)
_TICKS = 4

Point = tuple[float, float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """Curve of a chart; a None leaves a gap."""

    name: str
    points: Sequence[Point]


def line_chart(
    title: str,
    unit: str,
    lines: Sequence[Line],
    marks: Iterable[tuple[float, str]] = (),
    *,
    x_unit: str = " s",
) -> str:
    """Return a figure with axes from zero, a legend, and `marks`: vertical lines with their names.
    Empty when there is nothing to draw.
    """
    values = [value for line in lines for _, value in line.points if value is not None]
    if not values:
        return ""
    top = _round_up(max(values))
    end = max((x for line in lines for x, _ in line.points), default=1) or 1
    scale = _Scale(end, top)
    drawn = "".join(
        (
            *_axes(scale, x_unit),
            *_marks(scale, marks),
            *(_curve(scale, line, number) for number, line in enumerate(lines)),
        )
    )
    legend = "".join(
        f'<span><i class="s{number}"></i>{escape(line.name)}</span>'
        for number, line in enumerate(lines)
    )
    caption = (
        f"<figcaption>{escape(title)}{f' ({escape(unit)})' if unit else ''}"
        f" <small>{legend}</small></figcaption>"
    )
    label = escape(title, quote=True)
    return (
        f'<figure>{caption}<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        f' aria-label="{label}">{drawn}</svg></figure>'
    )


def figure(value: float) -> str:
    """Return a number with at least four digits, thousands apart, never with an exponent."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


@dataclass(frozen=True, slots=True)
class _Scale:
    """Scale from seconds and values to places in the drawing."""

    end: float
    top: float

    def x(self, seconds: float) -> float:
        return _LEFT + seconds / self.end * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - value / self.top * (_HEIGHT - _TOP - _BOTTOM)


def _axes(scale: _Scale, x_unit: str) -> Iterator[str]:
    for number in range(_TICKS + 1):
        value = scale.top * number / _TICKS
        y = scale.y(value)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{figure(value)}</text>'
    step = _round_up(scale.end / 8)
    if not x_unit:  # numbers of runs
        step = max(1, math.ceil(step))
    for number in range(int(scale.end / step) + 1):
        yield (
            f'<text x="{scale.x(number * step):.1f}" y="{_HEIGHT - 8}"'
            f' text-anchor="middle">{number * step:g}{x_unit}</text>'
        )


def _marks(scale: _Scale, marks: Iterable[tuple[float, str]]) -> Iterator[str]:
    for seconds, name in marks:
        x = scale.x(min(seconds, scale.end))
        yield f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
        if name:
            yield f'<text class="mark" x="{x + 4:.1f}" y="{_TOP + 10}">{escape(name)}</text>'


def _curve(scale: _Scale, line: Line, number: int) -> str:
    """Return an SVG path that begins anew after each gap; a value between two gaps is a dot."""
    path: list[str] = []
    is_drawing = False
    for seconds, value in line.points:
        if value is not None:
            place = f"{scale.x(seconds):.1f} {scale.y(value):.1f}"
            # A line of no length: round caps make a dot of it.
            path.append(f"L{place}" if is_drawing else f"M{place}h0")
        is_drawing = value is not None
    drawn = "".join(path)
    return f'<path class="s{number}" d="{drawn}"/>'


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 2.5, 5, 10 times a power of ten."""
    if value <= 0:
        return 1
    power = math.pow(10, math.floor(math.log10(value)))
    return next((step * power for step in _STEPS if step * power >= value), 10 * power)
