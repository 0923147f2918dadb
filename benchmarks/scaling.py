"""Time and memory of a training step against batch, width, channels and threads, with the slopes of the log-log lines.

A slope of 1 means twice the size takes twice the time; layers wider than their batch have two terms, linear and quadratic.
And of kernel ridge regression against the number of training samples: a fit by Cholesky's factor has a quadratic term, the
matrix, and a cubic one, its factor; a prediction is linear.
"""

import tracemalloc
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np

import fastscratch as fs

from .library import Call, Library
from .timing import in_turns, spread
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


def _kernel_ridge(n: int, *, predict: bool) -> Callable[[Library], Call]:
    """A fit to n samples of 16 features, or 1,000 predictions by such a model."""

    def build(library: Library) -> Call:
        rng = np.random.default_rng(0)
        x, y, z = rng.random((n, 16)), rng.standard_normal(n), rng.random((1000, 16))
        machine = fs.kernel_ridge.KernelRidge(0.1, kernel="rbf", solver="cholesky", precision="float64")
        if not predict:
            return lambda: machine.fit(x, y)
        machine.fit(x[:10], y[:10])
        machine.X_fit_, machine.dual_coef_ = x, y  # what it was fitted to makes no difference
        return lambda: machine.predict(z)

    return build


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
    for n in (1000, 1400, 2000, 2800, 4000, 5600, 8000):
        yield "KernelRidge.fit", "training samples", n, most, _kernel_ridge(n, predict=False)
        yield "KernelRidge.predict", "training samples", n, most, _kernel_ridge(n, predict=True)
    for count in threads:
        yield "MLP 784-128-10, batch 256", "threads", count, count, _sgd(steps.mlp, (256, 784))
        yield "CNN, batch 64", "threads", count, count, _sgd(steps.cnn, (64, 1, 28, 28))


def _peak(call: Call) -> int:
    """Bytes at the peak of one call: the allocator's, and those that NumPy has taken for arrays of its own."""
    fs.backend.reset_peak_memory_stats()
    tracemalloc.start()
    call()
    numpys = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return fs.backend.memory_stats()["peak"] + numpys


def run(threads: list[int], match: str = "") -> list[dict[str, Any]]:
    """One row for each point, and in it the slope of its whole line."""
    rows = []
    for network, axis, value, count, build in _axes(threads):
        if match not in network and match not in axis:
            continue
        call = build(Library("fastscratch", count))
        rounds = 3 if value >= 4000 else 9
        seconds = in_turns({"step": call}, rounds=rounds, least=0.02).samples["step"]
        row: dict[str, Any] = {"network": network, "axis": axis, "value": value, "threads": count}
        row |= {"seconds": median(seconds), "min": min(seconds), "spread": spread(seconds)}
        rows.append({**row, "peak_bytes": _peak(call)})
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
