"""Three ways to say two classes: sigmoid, softmax, log-softmax.

Moons with noise 0.5, so much that nobody can be right always; MLP 2-16-16 with tanh and Adam, 100 epochs on 1,000
points, 1,000 held out, five seeds of points and weights. One output with BCE, two with cross entropy, two log-
probabilities with NLL.
"""

from statistics import median
from typing import Any

import numpy as np

import fastscratch as fs
from fastscratch import nn
from fastscratch.data import make_moons
from fastscratch.nn import functional as F

from ..report import Result
from . import training


def _bce(output: Any, target: Any) -> Any:
    return F.binary_cross_entropy(output[:, 0], target.float())


HEADS = {  # layers after the last linear one, how many outputs it has, and the loss
    "Sigmoid + BCE": ([nn.Sigmoid], 1, _bce),
    "Softmax + cross entropy": ([], 2, F.cross_entropy),
    "LogSoftmax + NLL": ([lambda: nn.LogSoftmax(1)], 2, F.nll_loss),
}


def accuracy(head: str, seed: int, epochs: int) -> float:
    """On the points held out."""
    layers, outputs, loss = HEADS[head]
    X, y = make_moons(2000, noise=0.5, random_state=seed)
    x, target = fs.tensor(X.astype(np.float32)), fs.tensor(y)
    fs.manual_seed(seed)
    model = nn.Sequential(*training.mlp(2, 16, 16, outputs), *(make() for make in layers))
    optimizer = fs.optim.Adam(model.parameters(), lr=5e-3)
    parts = (x[:1000], target[:1000]), (x[1000:], target[1000:])
    training.fit(model, optimizer, *parts, epochs=epochs, batch_size=32, loss=loss, classify=False)
    with fs.no_grad():
        output = model(parts[1][0]).numpy()
    guess = output[:, 0] > 0.5 if outputs == 1 else output.argmax(1)
    return float((guess == y[1000:]).mean())


def run(*, quick: bool = False) -> Result:
    """Every head with every seed."""
    found = {head: [accuracy(head, seed, 1 if quick else 100) for seed in range(1 if quick else 5)] for head in HEADS}
    rows = [(head, *(f"{value:.1%}" for value in (median(a), min(a), max(a)))) for head, a in found.items()]
    middles = [median(a) for a in found.values()]
    return Result(
        ("head", "median", "least", "largest"),
        rows,
        f"The medians lie within {max(middles) - min(middles):.1%} of each other: sigmoid of one output and softmax of two"
        " are the same family of functions, and softmax with cross entropy and log-softmax with NLL the same loss.",
        lambda figure: _draw(figure, found),
        (6.5, 3.2),
    )


def _draw(figure: Any, found: dict[str, list[float]]) -> None:
    ax = figure.subplots()
    for i, values in enumerate(found.values()):
        ax.plot(values, [i] * len(values), "o", alpha=0.7)
        ax.plot(median(values), i, "k|", markersize=18)
    ax.set_yticks(range(len(found)), list(found))
    ax.set(xlabel="held-out accuracy, five seeds and their median", ylim=(-0.6, len(found) - 0.4))
    ax.grid(axis="x", alpha=0.3)
