"""What each part of a convolutional network is worth.

conv32-BN-ReLU-pool-conv64-BN-ReLU-pool-dropout-linear on 6,000 images, Adam, batch 64, four epochs; accuracy on 5,000
held-out images, median of three seeds, with one part taken away at a time.
"""

from itertools import pairwise
from statistics import median
from typing import Any

import fastscratch as fs
from fastscratch import nn

from ..report import Result
from . import data, training


def cnn(
    *, norm: bool = True, relu: bool = True, pool: bool = True, dropout: bool = True, convolutions: int = 2
) -> nn.Module:
    """The network, or what is left of it. Without pooling the convolutions have stride 2, so that sizes stay."""
    layers: list[nn.Module] = [nn.Unflatten(1, (1, 28, 28))]
    channels = [1, 32, 64][: convolutions + 1]
    for fan_in, fan_out in pairwise(channels):
        layers.append(nn.Conv2d(fan_in, fan_out, 3, padding=1, stride=1 if pool else 2))
        layers += [nn.BatchNorm2d(fan_out)] * norm + [nn.ReLU()] * relu + [nn.MaxPool2d(2)] * pool
    features = {0: 784, 1: 32 * 14 * 14, 2: 64 * 7 * 7}[convolutions]
    layers += [nn.Flatten()] + [nn.Dropout(0.5)] * dropout
    if convolutions == 0:
        layers += [nn.Linear(features, 256), nn.ReLU()]
        features = 256
    return nn.Sequential(*layers, nn.Linear(features, 10))


PARTS: dict[str, dict[str, Any]] = {
    "all of it": {},
    "no batch norm": {"norm": False},
    "no dropout": {"dropout": False},
    "no ReLU": {"relu": False},
    "stride 2 for pooling": {"pool": False},
    "one convolution": {"convolutions": 1},
    "no convolution: 784-256-10": {"convolutions": 0},
}


def accuracy(options: dict[str, Any], seed: int, images: data.Images, epochs: int) -> tuple[float, int]:
    """Held out, after the last epoch; and the number of parameters."""
    fs.manual_seed(seed)
    model = cnn(**options)
    optimizer = fs.optim.Adam(model.parameters(), lr=2e-3)
    history = training.fit(model, optimizer, images[:2], images[2:4], epochs=epochs)
    return training.last(history, "val_accuracy", 0.1), sum(p.numel() for p in model.parameters())


def run(*, quick: bool = False) -> Result:
    """Every network with every seed."""
    images = data.images(200, 100) if quick else data.images(6_000, 5_000)
    found = {
        name: [accuracy(options, seed, images, 1 if quick else 4) for seed in range(1 if quick else 3)]
        for name, options in PARTS.items()
    }
    middles = {name: median(a for a, _ in runs) for name, runs in found.items()}
    whole = middles["all of it"]
    rows = [
        (name, f"{runs[0][1]:,}", f"{middles[name]:.2%}", f"{(middles[name] - whole) * 100:+.2f}")
        for name, runs in found.items()
    ]
    worst = min(middles, key=middles.__getitem__)
    return Result(
        ("network", "parameters", "accuracy", "points"),
        rows,
        f"The most is lost with {worst!r}: {(whole - middles[worst]) * 100:.2f} points.",
        lambda figure: _draw(figure, found),
        (8.0, 3.6),
    )


def _draw(figure: Any, found: dict[str, list[tuple[float, int]]]) -> None:
    ax = figure.subplots()
    for i, runs in enumerate(found.values()):
        values = [a for a, _ in runs]
        ax.plot(values, [-i] * len(values), "o", alpha=0.7)
        ax.plot(median(values), -i, "k|", markersize=16)
    ax.set_yticks([-i for i in range(len(found))], list(found))
    ax.set_xlabel("held-out accuracy, and its median")
    ax.grid(axis="x", alpha=0.3)
