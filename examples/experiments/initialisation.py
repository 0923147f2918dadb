"""Activation, initialisation and depth: gradients that vanish, explode or arrive.

Hidden layers of 64 units; a batch of 256 images; biases 0. The table has the first layer's gradient over the last
hidden layer's (norms) before any training, and the accuracy on 1,000 held-out images after three epochs of Adam (rate
0.001) on 4,000.
"""

from collections.abc import Callable
from typing import Any

import fastscratch as fs
from fastscratch import nn
from fastscratch.nn import functional as F

from ..report import Result
from . import data, training

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "ReLU": nn.ReLU}
DEPTHS = (3, 10, 30)
INITS: dict[str, Callable[[Any], Any]] = {
    "normal, 0.01": lambda w: nn.init.normal_(w, std=0.01),
    "Xavier": nn.init.xavier_uniform_,
    "Kaiming": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
    "normal, 1": lambda w: nn.init.normal_(w, std=1.0),
}


def network(activation: str, init: str, depth: int) -> nn.Sequential:
    """784-64-...-64-10 with `depth` hidden layers."""
    fs.manual_seed(0)
    model = training.mlp(784, *[64] * depth, 10, activation=ACTIVATIONS[activation])
    for layer in model:
        if isinstance(layer, nn.Linear):
            INITS[init](layer.weight)
            nn.init.zeros_(layer.bias)
    return model


def gradient_norms(model: nn.Sequential, images: data.Images) -> list[float]:
    """The norm of the loss's gradient for the weights of each hidden layer, the first one first."""
    F.cross_entropy(model(images.x[:256]), images.y[:256]).backward()
    norms = [float((p.grad**2).sum()) ** 0.5 for name, p in model.named_parameters() if name.endswith("weight")]
    model.zero_grad()
    return norms[:-1]


def run(*, quick: bool = False) -> Result:
    """Every combination."""
    images = data.images(300, 100) if quick else data.images(4_000, 1_000)
    rows, norms = [], {}
    for activation in ACTIVATIONS:
        for init in INITS:
            row: list[Any] = [activation, init]
            for depth in DEPTHS[:1] if quick else DEPTHS:
                model = network(activation, init, depth)
                norms[activation, init, depth] = found = gradient_norms(model, images)
                ratio = found[0] / found[-1] if found[-1] > 0 else float("nan")
                optimizer = fs.optim.Adam(model.parameters(), lr=1e-3)
                history = training.fit(model, optimizer, images[:2], images[2:4], epochs=1 if quick else 3)
                row += [f"{ratio:.0e}", f"{training.last(history, 'val_accuracy', 0.1):.0%}"]
            rows.append(tuple(row))
    depths = DEPTHS[:1] if quick else DEPTHS
    columns = [text for depth in depths for text in (f"{depth} layers: gradient", "accuracy")]
    deep = [(row[0], row[1]) for row in rows if float(row[-1].rstrip("%")) >= 80]
    return Result(
        ("activation", "weights", *columns),
        rows,
        f"With {depths[-1]} hidden layers {len(deep)} of {len(rows)} combinations reach 80 % in three epochs"
        + (": " + "; ".join(f"{a} with {i}" for a, i in deep) if deep else "")
        + ".",
        lambda figure: _draw(figure, norms, depths[-1]),
        (11.0, 3.8),
    )


def _draw(figure: Any, norms: dict[tuple[str, str, int], list[float]], depth: int) -> None:
    for ax, activation in zip(figure.subplots(1, len(ACTIVATIONS), sharey=True), ACTIVATIONS, strict=True):
        for init in INITS:
            values = norms[activation, init, depth]
            ax.semilogy(range(1, len(values) + 1), [max(v, 1e-30) for v in values], label=init)
        ax.set(title=f"{activation}, {depth} layers", xlabel="hidden layer")
    figure.axes[0].set_ylabel("norm of the gradient")
    figure.axes[-1].legend(fontsize=8)
