"""How wide the window of useful learning rates is.

784-64-10 with tanh, 5,000 images, batch 64, 3 epochs, for rates from 10⁻⁵ to 10 in half decades. A rate is useful if
the accuracy on 2,000 held-out images is within two points of the optimizer's best; a training whose loss becomes
infinite or NaN counts as chance.
"""

from typing import Any

import fastscratch as fs

from ..report import Result
from . import data, training

CHANCE, NEAR = 0.1, 0.02


def run(*, quick: bool = False) -> Result:
    """One training for each optimizer and rate."""
    rates = [10.0 ** (k / 2) for k in (range(-6, -1, 2) if quick else range(-10, 3))]
    images = data.images(500, 200) if quick else data.images(5_000, 2_000)
    curves: dict[str, list[float]] = {}
    for name, make in training.OPTIMIZERS.items():
        curves[name] = []
        for lr in rates:
            fs.manual_seed(0)
            model = training.mlp(784, 64, 10)
            history = training.fit(
                model, make(model.parameters(), lr), images[:2], images[2:4], epochs=1 if quick else 3
            )
            curves[name].append(training.last(history, "val_accuracy", CHANCE))
    rows = [_row(name, rates, curve) for name, curve in curves.items()]
    width = max(row[4] for row in rows)
    widest = ", ".join(row[0] for row in rows if row[4] == width)
    return Result(
        ("optimizer", "best rate", "its accuracy", "useful rates", "decades"),
        rows,
        f"The widest window has {width:g} decades ({widest}).",
        lambda figure: _draw(figure, rates, curves),
        (7.5, 4.0),
    )


def _row(name: str, rates: list[float], curve: list[float]) -> tuple[Any, ...]:
    best = max(range(len(rates)), key=curve.__getitem__)
    low = high = best
    while low > 0 and curve[low - 1] >= curve[best] - NEAR:
        low -= 1
    while high < len(rates) - 1 and curve[high + 1] >= curve[best] - NEAR:
        high += 1
    decades = (high - low) * 0.5
    return name, rates[best], f"{curve[best]:.1%}", f"{rates[low]:.2g} to {rates[high]:.2g}", decades


def _draw(figure: Any, rates: list[float], curves: dict[str, list[float]]) -> None:
    ax = figure.subplots()
    for name, curve in curves.items():
        ax.plot(rates, curve, marker="o", markersize=3, label=name)
    ax.set(xscale="log", xlabel="learning rate", ylabel="held-out accuracy")
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8)
