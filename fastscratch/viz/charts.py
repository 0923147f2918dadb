"""Charts as SVG: the curves of a training and a confusion matrix. Text in, text out; nothing but NumPy."""

import math
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

_COLOURS = ("#1f6feb", "#d9480f", "#2b8a3e", "#862e9c")
_FONT = 'font-family="DejaVu Sans, Helvetica, Arial, sans-serif"'
_WIDTH, _HEIGHT = 460, 300  # of one panel
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 40, 44
_DOTS = 40  # epochs: of more the line alone is drawn
_NEAR = 20  # pixels: labels that are nearer would touch
_LETTER = 7.2  # pixels of a letter, at most


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers that cover [low, high].

    >>> ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    span = high - low if high > low else max(abs(high), 1.0)
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _height_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """At least four round numbers in [low, high], with their labels; from 1e-3 to 1e5 all of as many decimals."""
    found = next(found for count in range(5, 20) if len(found := ticks(low, high, count)) >= 4)
    largest = max(map(abs, found))
    if not 1e-3 <= largest < 1e5:
        return [(tick, f"{tick:g}") for tick in found]
    texts = [np.format_float_positional(tick, trim="-") for tick in found]
    decimals = max(len(text.partition(".")[2]) for text in texts)
    return [(tick, f"{tick:.{decimals}f}") for tick in found]


def _svg(width: int, height: int, body: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="white"/>', *body, "</svg>", ""])


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "middle", colour: str = "#333") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}" {_FONT}>'
        f"{escape(text)}</text>"
    )


def _panel(origin: float, title: str, series: Mapping[str, Sequence[float]], epochs: Sequence[float]) -> list[str]:
    """One set of axes with a line for each series."""
    values = [v for line in series.values() for v in line if math.isfinite(v)] or [0.0, 1.0]
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 0.05 * max(abs(high), 1e-3)
    low, high = low - margin, high + margin
    left, right = origin + _LEFT, origin + _WIDTH - _RIGHT
    first, last = epochs[0], epochs[-1]
    if first == last:  # one epoch stands in the middle
        first, last = first - 0.5, last + 0.5

    def to_x(epoch: float) -> float:
        return left + (epoch - first) / (last - first) * (right - left)

    def to_y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _BOTTOM - _TOP)

    out = [_text(left, 20, title, size=14, anchor="start")]
    for tick, label in _height_ticks(low, high):
        y = to_y(tick)
        out.append(f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        out.append(_text(left - 6, y + 4, label, size=11, anchor="end"))
    for tick in dict.fromkeys([epochs[0], *ticks(first, last, 6)]):
        if tick == int(tick) and (tick == epochs[0] or to_x(tick) - left > _NEAR):
            out.append(_text(to_x(tick), _HEIGHT - _BOTTOM + 16, f"{tick:g}", size=11))
    out.append(_text((left + right) / 2, _HEIGHT - 8, "epoch"))
    for i, (name, line) in enumerate(series.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        known = [(to_x(e), to_y(v)) for e, v in zip(epochs, line, strict=True) if math.isfinite(v)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in known)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(known) <= _DOTS:
            out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in known]
        out.append(_text(right - 80 * (len(series) - 1 - i), 20, name, anchor="end", colour=colour))
    return out


def curves_svg(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> str:
    """The columns `names` of a history over the epochs, each with its val_ column, a panel for each.

    Raises ValueError if there are no rows.
    """
    if not rows:
        raise ValueError("no epochs to draw")
    epochs = [row["epoch"] for row in rows]
    body: list[str] = []
    for i, name in enumerate(names):
        series = {"training": [row[name] for row in rows]}
        if f"val_{name}" in rows[0]:
            series["validation"] = [row[f"val_{name}"] for row in rows]
        body += _panel(i * _WIDTH, name, series, epochs)
    return _svg(_WIDTH * len(names), _HEIGHT, body)


def confusion_svg(matrix: Any, names: Sequence[str], title: str = "") -> str:
    """A confusion matrix (rows: true class, columns: predicted), counts in cells shaded by their share of the row."""
    counts = np.asarray(matrix)
    longest = _LETTER * max(map(len, names), default=1)
    size, cell, turned = len(names), 44, longest > 44
    left, top = max(70, round(longest) + 44), round(longest) + 60 if turned else 64
    width, height = left + size * cell + 20, top + size * cell + 20
    share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    body = [_text(left + size * cell / 2, 22, title, size=14), _text(left + size * cell / 2, 42, "predicted")]
    middle = top + size * cell / 2
    body.append(f'<g transform="rotate(-90 18 {middle})">{_text(18, middle, "true")}</g>')
    for i, name in enumerate(names):
        body.append(_text(left - 8, top + i * cell + cell / 2 + 4, name, anchor="end"))
        x = left + i * cell + cell / 2
        if turned:
            label = _text(x + 4, top - 8, name, anchor="start")
            body.append(f'<g transform="rotate(-90 {x + 4} {top - 8})">{label}</g>')
        else:
            body.append(_text(x, top - 6, name))
        for j in range(size):
            x, y = left + j * cell, top + i * cell
            base = np.array([31, 111, 235]) if i == j else np.array([217, 72, 15])
            # Confusions are rare: the square root keeps one in a thousand visible.
            strength = share[i, j] if i == j else math.sqrt(share[i, j])
            red, green, blue = (255 + (base - 255) * min(1.0, strength)).astype(int)
            body.append(
                f'<rect x="{x}" y="{y}" width="{cell}" height="{cell}" fill="rgb({red},{green},{blue})" stroke="#fff"/>'
            )
            if counts[i, j]:
                colour = "#fff" if strength > 0.5 else "#333"
                body.append(_text(x + cell / 2, y + cell / 2 + 4, str(int(counts[i, j])), size=11, colour=colour))
    return _svg(width, height, body)
