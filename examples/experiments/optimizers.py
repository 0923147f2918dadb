"""Optimizers compared: a curved valley, and a network.

Rosenbrock's function (1 - x)² + 100 (y - x²)² from (-1.5, 2), 1,000 steps. Then 784-64-10 with tanh on 10,000 images,
batch 64: epochs until the loss of 5,000 held-out images is 0.25 at most, the median of three seeds, within 20 epochs.
For both, each optimizer has the learning rate that serves it best of 1, 2, 5 times powers of ten.
"""

from statistics import median
from typing import Any

import numpy as np

import fastscratch as fs

from ..report import Result
from . import data, training

START, LOSS = (-1.5, 2.0), 0.25
RATES = {  # tried; the best is shown
    "SGD": ((5e-4, 1e-3, 2e-3), (0.1, 0.2, 0.5, 1.0)),
    "SGD, momentum 0.9": ((1e-4, 2e-4, 5e-4, 1e-3), (0.02, 0.05, 0.1, 0.2)),
    "RMSprop": ((1e-3, 2e-3, 5e-3, 1e-2), (5e-4, 1e-3, 2e-3, 5e-3)),
    "Adam": ((0.02, 0.05, 0.1, 0.2), (1e-3, 2e-3, 5e-3, 1e-2)),
}


def rosenbrock(x: Any, y: Any) -> Any:
    """(1 - x)² + 100 (y - x²)², 0 at (1, 1)."""
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


def descend(name: str, lr: float, steps: int) -> np.ndarray:
    """The path, (steps + 1, 2); NaN or infinite from where it flew away."""
    point = fs.tensor(START, dtype=fs.float64, requires_grad=True)
    optimizer = training.OPTIMIZERS[name]([point], lr)
    path = [point.numpy(force=True).copy()]
    for _ in range(steps):
        optimizer.zero_grad()
        rosenbrock(point[0], point[1]).backward()
        optimizer.step()
        path.append(point.numpy(force=True).copy())
    return np.array(path)


def end_value(path: np.ndarray) -> float:
    """The function at the end of the path; infinity if it flew away."""
    with np.errstate(all="ignore"):
        value = float(rosenbrock(*path[-1]))
    return value if np.isfinite(value) else np.inf


def losses(name: str, lr: float, images: data.Images, epochs: int, seed: int) -> list[float]:
    """The held-out loss after each epoch."""
    fs.manual_seed(seed)
    model = training.mlp(784, 64, 10)
    optimizer = training.OPTIMIZERS[name](model.parameters(), lr)
    return training.fit(model, optimizer, images[:2], images[2:4], epochs=epochs)["val_loss"]


def epochs_to(curve: list[float]) -> float:
    """The first epoch whose loss is at most LOSS; infinity if there is none."""
    return next((float(i) for i, value in enumerate(curve, 1) if value <= LOSS), np.inf)


def run(*, quick: bool = False) -> Result:
    """Both comparisons."""
    steps, epochs, seeds = (50, 1, 1) if quick else (1000, 20, 3)
    images = data.images(500, 100) if quick else data.images(10_000, 5_000)
    paths, curves, rows = {}, {}, []
    for name, (valley_rates, network_rates) in RATES.items():
        valley = min(valley_rates, key=lambda lr: end_value(descend(name, lr, steps)))
        paths[name] = descend(name, valley, steps)
        tried = {lr: [losses(name, lr, images, epochs, seed) for seed in range(seeds)] for lr in network_rates}
        best = min(tried, key=lambda lr: (median(map(epochs_to, tried[lr])), min(tried[lr][0])))
        curves[name] = tried[best][0]
        needed = median(map(epochs_to, tried[best]))
        rows.append(
            (name, valley, end_value(paths[name]), best, None if needed == np.inf else int(needed), min(tried[best][0]))
        )
    fewest = min((row[4] for row in rows if row[4]), default=None)
    quickest = " and ".join(row[0] for row in rows if row[4] == fewest)
    nearest = min(rows, key=lambda row: row[2])
    return Result(
        (
            "optimizer",
            "lr, valley",
            f"f after {steps} steps",
            "lr, network",
            f"epochs to {LOSS}",
            "least held-out loss",
        ),
        rows,
        f"In the valley {nearest[0]} comes nearest to the minimum ({nearest[2]:.2g}); on the network {quickest} needs the"
        f" fewest epochs ({fewest}).",
        lambda figure: _draw(figure, paths, curves),
        (11.0, 4.2),
    )


def _draw(figure: Any, paths: dict[str, np.ndarray], curves: dict[str, list[float]]) -> None:
    left, right = figure.subplots(1, 2)
    x, y = np.meshgrid(np.linspace(-2, 2, 300), np.linspace(-1, 3, 300))
    left.contour(x, y, np.log10(rosenbrock(x, y) + 1e-3), levels=12, colors="0.75", linewidths=0.7)
    for name, path in paths.items():
        left.plot(*path.T, label=name, linewidth=1.2)
    left.plot(*START, "ko", markersize=4)
    left.plot(1, 1, "k*", markersize=9)
    left.set(xlim=(-2, 2), ylim=(-1, 3), xlabel="x", ylabel="y", title="Rosenbrock's valley, minimum at the star")
    left.legend(fontsize=8, loc="lower left")
    for name, curve in curves.items():
        right.plot(range(1, len(curve) + 1), curve, label=name)
    right.axhline(LOSS, color="0.5", linewidth=0.8, linestyle="--")
    right.set(xlabel="epoch", ylabel="held-out loss", title="784-64-10, seed 0", yscale="log")
    right.legend(fontsize=8)
