"""Lines and crosses in small images.

Horizontal, vertical and diagonal lines, plus signs and crosses, 5 or 7 pixels wide, anywhere in 12 x 12 pixels under
noise. Gradient descent in batches of 32 at rate 0.1, fifteen epochs on 2,000 images, 2,000 held
out. Conv2D(5, 1, 8) - ReLU - MaxPool2D(8): eight filters, and where in the image one answers does not matter.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import fastscratch as fs
from fastscratch.nn.explicit import Conv2D, Flatten, Linear, MaxPool2D, ReLU, Sequentiel

from ..report import Result
from . import drawings
from .digits import curve

SIZE = 12
CLASSES = len(drawings.PATTERNS)

NETWORKS: dict[str, Callable[[], Sequentiel]] = {
    "linear": lambda: Sequentiel(Flatten(), Linear(SIZE * SIZE, CLASSES)),
    "144-64-5, ReLU": lambda: Sequentiel(Flatten(), Linear(SIZE * SIZE, 64), ReLU(), Linear(64, CLASSES)),
    "Conv2D(5, 1, 8)": lambda: Sequentiel(Conv2D(5, 1, 8), ReLU(), MaxPool2D(8), Flatten(), Linear(8, CLASSES)),
}
NOISES = (0.1, 0.3, 0.5)


def samples(n: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 12, 12, 1) and labels."""
    images, labels = drawings.one_pattern(n, SIZE, noise, seed)
    return images[..., None], labels


def run(*, quick: bool = False) -> Result:
    """Every network at every level of noise."""
    n, epochs, noises = (100, 1, NOISES[:2]) if quick else (2000, 15, NOISES)
    rows, curves, shown = [], {}, None
    for name, make in NETWORKS.items():
        last: list[str] = []
        for noise in noises:
            fs.manual_seed(0)
            net = make()
            values = curve(net, samples(n, noise, 0), samples(n, noise, 1), epochs, 0.1)
            last.append(f"{values[-1]:.1%}")
            if noise == noises[1]:
                curves[name], shown = values, net
        size = sum(w.size for module in net.modules() for w in module.parameters.values())
        rows.append((name, f"{size:,}", *last))
    return Result(
        ("network", "parameters", *(f"noise {noise}" for noise in noises)),
        rows,
        f"At noise {noises[1]} eight filters with their largest answer read {rows[-1][3]} of the held-out drawings with"
        f" {rows[-1][1]} numbers; the hidden layer on the pixels, which has to learn every place anew, {rows[1][3]} with"
        f" {rows[1][1]}.",
        lambda figure: _draw(figure, curves, shown, noises[1]),
        (10.0, 3.4),
    )


def _draw(figure: Any, curves: dict[str, list[float]], net: Any, noise: float) -> None:
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1))
    ax = left.subplots()
    for name, values in curves.items():
        ax.plot(range(1, len(values) + 1), values, "o-", markersize=3, label=name)
    ax.set(xlabel="epoch", ylabel=f"held-out accuracy, noise {noise}", ylim=(0, 1.02))
    ax.legend(loc="lower right")
    ax.grid(alpha=0.3)
    above, below = right.subfigures(2, 1)
    images, labels = samples(200, noise, 2)
    for panel, name, label in zip(above.subplots(1, CLASSES), drawings.PATTERNS, range(CLASSES), strict=True):
        panel.imshow(images[labels == label][0, ..., 0], cmap="gray_r")
        panel.set_title(name, fontsize=8)
        panel.axis("off")
    filters = net.layers[0].parameters["weight"]
    limit = float(np.abs(filters).max())
    for panel, one in zip(below.subplots(1, len(filters)), filters, strict=True):
        panel.imshow(one[..., 0], cmap="RdBu", vmin=-limit, vmax=limit)
        panel.axis("off")
    below.suptitle("the eight filters (blue: positive)", fontsize=9)
