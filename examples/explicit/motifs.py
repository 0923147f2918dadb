"""Horizontal and vertical motifs, side by side.

Images of 12 x 12 with a horizontal line of five pixels, a vertical one, both or neither, and single pixels that make
the light of all alike, under noise 0.2. A Conv1D(5, 1, 8) on the image read row by row sees neighbours in a row; on the
transposed image, neighbours in a column. Each ends in its largest answer; two of them side by side are concatenated.
Gradient descent in batches of 32 at rate 0.1, fifteen epochs on 3,000 images, 2,000 held out.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import fastscratch as fs
from fastscratch.nn.explicit import (
    Concatenated,
    Conv1D,
    Flatten,
    Linear,
    MaxPool1D,
    Module,
    ReLU,
    Reshape,
    Sequentiel,
    Transpose,
)

from ..report import Result
from . import drawings
from .digits import curve

SIZE, LENGTH, FILTERS = 12, 5, 8
KINDS = ("neither", "horizontal", "vertical", "both")


def along_rows() -> Sequentiel:
    """The strongest answer of each filter to five pixels side by side."""
    whole = SIZE * SIZE - LENGTH + 1  # all windows: where the motif is does not matter
    return Sequentiel(Reshape(SIZE * SIZE, 1), Conv1D(LENGTH, 1, FILTERS), ReLU(), MaxPool1D(whole), Flatten())


def along_columns() -> Sequentiel:
    """The same of five pixels one below the other."""
    return Sequentiel(Transpose(), *along_rows().layers)


NETWORKS: dict[str, tuple[Callable[[], Module], int]] = {  # and how many numbers they give
    "along the rows": (along_rows, FILTERS),
    "along the columns": (along_columns, FILTERS),
    "side by side": (lambda: Concatenated(along_rows(), along_columns()), 2 * FILTERS),
}


def run(*, quick: bool = False) -> Result:
    """The two directions alone, and together."""
    n, n_val, epochs = (100, 50, 1) if quick else (3000, 2000, 15)
    train, held_out = drawings.two_motifs(n, SIZE, 0.2, 0), drawings.two_motifs(n_val, SIZE, 0.2, 1)
    rows, curves = [], {}
    for name, (make, features) in NETWORKS.items():
        fs.manual_seed(0)
        net = Sequentiel(make(), Linear(features, len(KINDS)))
        curves[name] = curve(net, train, held_out, epochs, 0.1)
        guess = net.forward(held_out[0]).argmax(1)
        each = [f"{np.mean(guess[held_out[1] == kind] == kind):.0%}" for kind in range(len(KINDS))]
        rows.append((name, f"{curves[name][-1]:.1%}", *each))
    best = max(curves["along the rows"][-1], curves["along the columns"][-1])
    return Result(
        ("convolution", "accuracy", *KINDS),
        rows,
        f"One direction alone reads at most {best:.1%} of the images: the other motif is just scattered pixels to it. Side"
        f" by side they read {rows[-1][1]}.",
        lambda figure: _draw(figure, curves, net, held_out),
        (10.0, 3.8),
    )


def _draw(figure: Any, curves: dict[str, list[float]], net: Any, held_out: tuple[Any, Any]) -> None:
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1))
    ax = left.subplots()
    for name, values in curves.items():
        ax.plot(range(1, len(values) + 1), values, "o-", markersize=3, label=name)
    ax.set(xlabel="epoch", ylabel="held-out accuracy", ylim=(0, 1.02))
    ax.legend(loc="lower right")
    ax.grid(alpha=0.3)
    above, below = right.subfigures(2, 1)
    x, y = held_out
    for kind, panel in enumerate(above.subplots(1, len(KINDS))):
        panel.imshow(x[y == kind][0], cmap="gray_r")
        panel.set_title(KINDS[kind], fontsize=8)
        panel.axis("off")
    rows, columns = (
        next(m for m in branch.layers if isinstance(m, Conv1D)).parameters["weight"][..., 0]
        for branch in net.layers[0].branches
    )
    limit = float(max(np.abs(rows).max(), np.abs(columns).max()))
    for panel, filters, title in zip(below.subplots(1, 2), (rows, columns.T), ("rows", "columns"), strict=True):
        panel.imshow(filters, cmap="RdBu", vmin=-limit, vmax=limit)
        panel.set_title(f"filters along the {title}", fontsize=8)
        panel.axis("off")
