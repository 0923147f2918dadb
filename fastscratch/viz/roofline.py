"""The roofline picture: kernels as dots under the roof that arithmetic and memory set."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from .charts import _COLOURS, _svg, _text

_WIDTH, _HEIGHT = 900, 460
_LEFT, _TOP, _BOTTOM = 70, 44, 54
_RIGHT = 560  # where the axes end and the list begins
_LINES = 18  # of the list
_HALO = 'paint-order="stroke" stroke="white" stroke-width="3"'  # lets text be read on lines


class Dot(NamedTuple):
    """A kernel in the picture."""

    name: str
    intensity: float  # FLOP per byte
    rate: float  # FLOP/s
    share: float  # of the time of all dots: its area
    percent: float  # of its limit


def roofline_svg(dots: Sequence[Dot], roofs: Sequence[Any], title: str = "Roofline") -> str:
    """Kernels on logarithmic axes, FLOP/s over FLOP per byte, under the first of some limits (fastscratch.profiler.Limits).

    The area of a dot is its share of the time, its number its place in the list.

    Raises
    ------
    ValueError
        If there is nothing to draw.

    References
    ----------
    S. Williams, A. Waterman and D. Patterson, Roofline: an insightful visual performance model for multicore
    architectures, Communications of the ACM 52(4), 2009.
    """
    if not dots or not roofs:
        raise ValueError("no kernels to draw")
    dots = sorted(dots, key=lambda dot: -dot.share)
    roof = roofs[0]
    x = _Axis([dot.intensity for dot in dots] + [0.02, 100], _LEFT, _RIGHT)
    y = _Axis([dot.rate / 1e9 for dot in dots] + [rate / 1e9 for rate in roof.peak.values()], _HEIGHT - _BOTTOM, _TOP)
    body = [_text(_LEFT, 24, title, size=15, anchor="start")]
    body += _grid(x, y) + _roof(roof, x, y) + _dots(dots, x, y) + _list(dots)
    return _svg(_WIDTH, _HEIGHT, body)


class _Axis:
    """A logarithmic axis that begins with a decade and holds all values, from one pixel to another."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.log10(max(values)) + 0.3, self.low + 1.0)
        self.begin, self.end = begin, end

    def __call__(self, value: float) -> float:
        return self.begin + (math.log10(value) - self.low) / (self.high - self.low) * (self.end - self.begin)

    @property
    def decades(self) -> list[float]:
        return [10.0**power for power in range(self.low, math.floor(self.high) + 1)]


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'


def _grid(x: _Axis, y: _Axis) -> list[str]:
    out = []
    for value in x.decades:
        out.append(_line(x(value), y.begin, x(value), y.end, 'stroke="#ddd"'))
        out.append(_text(x(value), y.begin + 18, f"{value:g}", size=11))
    for value in y.decades:
        out.append(_line(x.begin, y(value), x.end, y(value), 'stroke="#ddd"'))
        out.append(_text(x.begin - 6, y(value) + 4, f"{value:g}", size=11, anchor="end"))
    middle = (y.begin + y.end) / 2
    out.append(_text((x.begin + x.end) / 2, _HEIGHT - 12, "FLOP per byte"))
    return [*out, f'<g transform="rotate(-90 18 {middle})">{_text(18, middle, "GFLOP/s")}</g>']


def _roof(roof: Any, x: _Axis, y: _Axis) -> list[str]:
    """The peaks, and the slopes of the fastest and the slowest memory, each up to the highest peak."""
    top, out = max(roof.peak.values()) / 1e9, []
    fast, slow = roof.bandwidth[0], roof.bandwidth[-1]
    right = 10.0**x.high
    for dtype, rate in roof.peak.items():
        left = max(rate / fast[1], 10.0**x.low)
        out.append(_line(x(left), y(rate / 1e9), x.end, y(rate / 1e9), 'stroke="#333" stroke-width="2"'))
        out.append(_text(x(right) - 4, y(rate / 1e9) - 6, f"{dtype} {rate / 1e9:,.0f} GFLOP/s", size=11, anchor="end"))
    for size, rate in (fast, slow):
        left = max(10.0**x.low, 1e9 * 10.0**y.low / rate)
        right_end = top * 1e9 / rate
        out.append(_line(x(left), y(left * rate / 1e9), x(right_end), y(top), 'stroke="#333" stroke-width="2"'))
        out.append(_slope_label(x, y, right_end, top, f"{rate / 1e9:,.0f} GB/s, {_bytes(size)} in use"))
    return out


def _slope_label(x: _Axis, y: _Axis, intensity: float, rate: float, text: str) -> str:
    """Along the slope, above it, up to where it ends."""
    end, before = (x(intensity), y(rate)), (x(intensity / 10), y(rate / 10))
    angle = math.degrees(math.atan2(end[1] - before[1], end[0] - before[0]))
    label = _text(end[0] - 12, end[1] - 5, text, size=11, anchor="end")
    return f'<g transform="rotate({angle:.1f} {end[0]:.1f} {end[1]:.1f})" {_HALO}>{label}</g>'


def _dots(dots: Sequence[Dot], x: _Axis, y: _Axis) -> list[str]:
    """The area says how much of the time, the number where to find it in the list."""
    out = []
    for i, dot in enumerate(dots):
        radius, colour = 4 + 22 * math.sqrt(dot.share), _COLOURS[i % len(_COLOURS)]
        at = f'cx="{x(dot.intensity):.1f}" cy="{y(dot.rate / 1e9):.1f}"'
        out.append(f'<circle {at} r="{radius:.1f}" fill="{colour}" fill-opacity="0.35" stroke="{colour}"/>')
    for i, dot in enumerate(dots[:_LINES]):
        out.append(_text(x(dot.intensity), y(dot.rate / 1e9) + 4, str(i + 1), size=11))
    return out


def _list(dots: Sequence[Dot]) -> list[str]:
    left = _RIGHT + 24
    columns = left + 230, _WIDTH - 12
    out = [_text(at, _TOP, head, size=11, anchor="end") for at, head in zip(columns, ("time", "of limit"), strict=True)]
    for i, dot in enumerate(dots[:_LINES]):
        height, colour = _TOP + 20 * (i + 1), _COLOURS[i % len(_COLOURS)]
        out.append(_text(left + 16, height, str(i + 1), anchor="end", colour=colour))
        out.append(_text(left + 24, height, dot.name, anchor="start"))
        out.append(_text(columns[0], height, f"{100 * dot.share:.1f} %", anchor="end"))
        out.append(_text(columns[1], height, f"{dot.percent:.{int(dot.percent < 10)}f} %", anchor="end"))
    if len(dots) > _LINES:
        out.append(_text(left + 24, _TOP + 20 * (_LINES + 1), f"and {len(dots) - _LINES} more", anchor="start"))
    return out


def _bytes(size: float) -> str:
    return f"{size / 1e6:.3g} MB" if size >= 1e6 else f"{size / 1e3:.3g} KB"
