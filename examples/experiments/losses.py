"""Squared error and cross entropy for classification.

784-64-10 with tanh on 5,000 images, SGD with momentum, ten epochs; each loss with the learning rate of its best
accuracy on 2,000 held-out images. Then the same from a bad start, the last layer's weights fifty times as large,
where a saturated output has almost no gradient under the squared error.
"""

from typing import Any

import fastscratch as fs
from fastscratch import nn
from fastscratch.nn import functional as F

from ..report import Result
from . import data, training

RATES = (0.01, 0.03, 0.1, 0.3, 1.0)
BAD_START = 50.0


def _squared(output: Any, target: Any) -> Any:
    return F.mse_loss(output, F.one_hot(target, 10).float())


HEADS = {  # what follows the last linear layer, and the loss
    "linear + squared error": ([], _squared),
    "sigmoid + squared error": ([nn.Sigmoid], _squared),
    "softmax + squared error": ([lambda: nn.Softmax(1)], _squared),
    "softmax + cross entropy": ([], F.cross_entropy),
}


def accuracies(head: str, lr: float, images: data.Images, epochs: int, scale: float) -> list[float]:
    """Held out, after each epoch; chance if it diverged."""
    layers, loss = HEADS[head]
    fs.manual_seed(0)
    model = nn.Sequential(*training.mlp(784, 64, 10), *(make() for make in layers))
    with fs.no_grad():
        model[2].weight.mul_(scale)
    optimizer = fs.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    history = training.fit(model, optimizer, images[:2], images[2:4], epochs=epochs, loss=loss)
    return history["val_accuracy"] if len(history) == epochs else [0.1] * epochs


def run(*, quick: bool = False) -> Result:
    """Every loss, from a good and from a bad start."""
    images = data.images(300, 100) if quick else data.images(5_000, 2_000)
    epochs = 1 if quick else 10
    rows, curves = [], {}
    for head in HEADS:
        row: list[Any] = [head]
        for scale in (1.0, BAD_START):
            tried = {lr: accuracies(head, lr, images, epochs, scale) for lr in RATES}
            best = max(tried, key=lambda lr: tried[lr][-1])
            curves[head, scale] = tried[best]
            row += [best, f"{tried[best][0]:.1%}", f"{tried[best][-1]:.1%}"]
        rows.append(tuple(row))
    good, bad = rows[-1], rows[1]
    return Result(
        ("output and loss", "rate", "1 epoch", f"{epochs} epochs", "rate, bad start", "1 epoch", f"{epochs} epochs"),
        rows,
        f"From the bad start cross entropy has {good[5]} after one epoch, the squared error of a sigmoid {bad[5]}.",
        lambda figure: _draw(figure, curves),
    )


def _draw(figure: Any, curves: dict[tuple[str, float], list[float]]) -> None:
    axes = figure.subplots(1, 2, sharey=True)
    for ax, scale, title in zip(
        axes, (1.0, BAD_START), ("usual start", "last layer fifty times as large"), strict=True
    ):
        for (head, its_scale), curve in curves.items():
            if its_scale == scale:
                ax.plot(range(1, len(curve) + 1), curve, label=head)
        ax.set(title=title, xlabel="epoch")
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("held-out accuracy")
    axes[0].legend(fontsize=8, loc="lower right")  # where no line runs
