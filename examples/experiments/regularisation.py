"""L2 regularisation and the gap between training and held-out samples.

784-256-10 with ReLU on 1,000 images, Adam with coupled weight decay (an L2 penalty), 40 epochs; 5,000 images held
out.
"""

from typing import Any

import fastscratch as fs
from fastscratch import nn

from ..report import Result
from . import data, training

DECAYS = (0.0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)


def run(*, quick: bool = False) -> Result:
    """One training for each penalty."""
    images = data.images(300, 100) if quick else data.images(1_000, 5_000)
    rows, histories = [], {}
    for decay in DECAYS[::4] if quick else DECAYS:
        fs.manual_seed(0)
        model = training.mlp(784, 256, 10, activation=nn.ReLU)
        optimizer = fs.optim.Adam(model.parameters(), lr=1e-3, weight_decay=decay)
        history = training.fit(model, optimizer, images[:2], images[2:4], epochs=2 if quick else 40, batch_size=50)
        loss, held_out = history["loss"][-1], history["val_loss"][-1]
        rows.append((decay, loss, held_out, held_out - loss, f"{history['val_accuracy'][-1]:.2%}"))
        histories[decay] = history
    best = min(rows, key=lambda row: row[2])
    return Result(
        ("weight decay", "training loss", "held-out loss", "gap", "held-out accuracy"),
        rows,
        f"The held-out loss is least with {best[0]:g}: {best[2]:.3f}, against {rows[0][2]:.3f} without a penalty; the gap"
        f" falls from {rows[0][3]:.3f} to {best[3]:.3f}.",
        lambda figure: _draw(figure, rows, histories, best[0]),
    )


def _draw(figure: Any, rows: list[tuple[Any, ...]], histories: dict[float, Any], best: float) -> None:
    left, right = figure.subplots(1, 2)
    places = range(len(rows))
    left.plot(places, [row[1] for row in rows], marker="o", label="training")
    left.plot(places, [row[2] for row in rows], marker="s", label="held out")
    left.set(xlabel="weight decay", ylabel="loss after the last epoch", yscale="log")
    left.set_xticks(places, [f"{row[0]:g}" for row in rows], fontsize=8)
    left.legend(fontsize=8)
    for decay, colour in zip((rows[0][0], best), ("C3", "C0"), strict=True):
        history = histories[decay]
        right.plot(history["epoch"], history["loss"], colour, linestyle="--", label=f"{decay:g}, training")
        right.plot(history["epoch"], history["val_loss"], colour, label=f"{decay:g}, held out")
    right.set(xlabel="epoch", ylabel="loss", yscale="log", title="without a penalty, and with the best one")
    right.legend(fontsize=8)
