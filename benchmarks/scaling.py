"""Time and memory of a training step against batch, width, channels and threads, with the slopes of the log-log lines.

A slope of 1 means twice the size takes twice the time; layers wider than their batch have two terms, linear and quadratic.
"""

from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np

import fastscratch as fs

from .library import Call, Library
from .timing import in_turns
from .works import steps

Make = Callable[[Any], Any]


def wide_mlp(width: int) -> Make:
    """784-width-width-10."""

    def make(nn: Any) -> Any:
        return nn.Sequential(nn.Linear(784, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))

    return make


def wide_cnn(channels: int) -> Make:
    """Two 3x3 convolutions with this many channels."""

    def make(nn: Any) -> Any:
        return nn.Sequential(
            *(nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(49 * channels, 10)),
        )

    return make


def _sgd(make: Make, shape: tuple[int, ...]) -> Callable[[Library], Call]:
    return steps.step(make, shape, "SGD", lr=1e-3, momentum=0.9)


def _axes(threads: list[int]) -> Iterator[tuple[str, str, int, int, Callable[[Library], Call]]]:
    """What is measured: network, axis, its value, threads, and the step."""
    most = max(threads)
    for batch in (8, 16, 32, 64, 128, 256, 512):
        yield "MLP 784-128-10", "batch", batch, most, _sgd(steps.mlp, (batch, 784))
        yield "CNN", "batch", batch, most, _sgd(steps.cnn, (batch, 1, 28, 28))
    for width in (32, 64, 128, 256, 512, 1024):
        yield "MLP 784-width-width-10, batch 64", "width", width, most, _sgd(wide_mlp(width), (64, 784))
    for channels in (8, 16, 32, 64, 128):
        yield (
            "CNN of two equal convolutions, batch 64",
            "channels",
            channels,
            most,
            _sgd(wide_cnn(channels), (64, 1, 28, 28)),
        )
    for count in threads:
        yield "MLP 784-128-10, batch 256", "threads", count, count, _sgd(steps.mlp, (256, 784))
        yield "CNN, batch 64", "threads", count, count, _sgd(steps.cnn, (64, 1, 28, 28))


def _peak(call: Call) -> int:
    """The allocator's bytes at the peak of one call."""
    fs.backend.reset_peak_memory_stats()
    call()
    return fs.backend.memory_stats()["peak"]


def run(threads: list[int], match: str = "") -> list[dict[str, Any]]:
    """One row for each point, and in it the slope of its whole line."""
    rows = []
    for network, axis, value, count, build in _axes(threads):
        if match not in network and match not in axis:
            continue
        call = build(Library("fastscratch", count))
        seconds = in_turns({"step": call}, rounds=9, least=0.02).samples["step"]
        row = {"network": network, "axis": axis, "value": value, "threads": count}
        rows.append({**row, "seconds": median(seconds), "min": min(seconds), "peak_bytes": _peak(call)})
    for row in rows:
        line = [r for r in rows if (r["network"], r["axis"]) == (row["network"], row["axis"])]
        row["slope"] = slope(line, "seconds")
        row["memory_slope"] = slope(line, "peak_bytes")
    return rows


def slope(line: list[dict[str, Any]], key: str) -> float:
    """The least-squares slope of log(key) over log(value); NaN of one point."""
    if len(line) < 2:
        return float("nan")
    x, y = (np.log([row[k] for row in line]) for k in ("value", key))
    return float(np.polyfit(x, y, 1)[0])
