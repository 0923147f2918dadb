"""Digits as signals, by one-dimensional convolution.

MNIST at 16 x 16 pixels (each the mean of the area that it covers), read row by row as a signal of 256 numbers:
Conv1D(3, 1, 32) - MaxPool1D(2, 2) - Flatten - Linear(4064, 100) - ReLU - Linear(100, 10). 254 windows of 3 pixels,
127 pools, 32 channels: 4064 features. Gradient descent in batches of 32 at rate 0.1, ten epochs
on 20,000 images, 5,000 held out; beside networks without the convolution.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import fastscratch as fs
from fastscratch.data import load_splits
from fastscratch.nn.explicit import SGD, Conv1D, CrossEntropyLoss, Flatten, Linear, MaxPool1D, Module, ReLU, Sequentiel

from ..report import Result

SIZE = 16


def convolutional() -> Sequentiel:
    """The network of the title."""
    return Sequentiel(Conv1D(3, 1, 32), MaxPool1D(2, 2), Flatten(), Linear(4064, 100), ReLU(), Linear(100, 10))


NETWORKS: dict[str, Callable[[], Module]] = {
    "linear": lambda: Sequentiel(Flatten(), Linear(SIZE * SIZE, 10)),
    "256-100-10, ReLU": lambda: Sequentiel(Flatten(), Linear(SIZE * SIZE, 100), ReLU(), Linear(100, 10)),
    "Conv1D(3, 1, 32)": convolutional,
}


def resampled(images: np.ndarray, size: int) -> np.ndarray:
    """(n, h, w) as (n, size, size): each new pixel the mean of the old ones that it covers, weighted by the area."""
    rows, columns = (_cover(old, size) for old in images.shape[1:])
    return (rows @ images @ columns.T).astype(images.dtype)


def _cover(old: int, new: int) -> np.ndarray:
    """(new, old): the share of each old pixel in each new one."""
    edges = np.linspace(0, old, new + 1)
    starts = np.arange(old)
    overlap = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    return np.clip(overlap, 0, None) * new / old


def signals(images: np.ndarray) -> np.ndarray:
    """Images (n, 28, 28) of bytes as (n, 256, 1) in [0, 1]."""
    small = resampled(images.astype(np.float32) / 255, SIZE)
    return small.reshape(len(small), SIZE * SIZE, 1)


def samples(n: int, n_held_out: int) -> tuple[Any, Any, str]:
    """The first n training images with their labels, the next few for looking at, and where they are from.

    Of MNIST where it is on this machine, else drawn ones; a test set is not read.
    """
    images, _ = load_splits("mnist", n_train=n + n_held_out, n_test=1, download=False, fallback="digits")
    x, y = signals(images.data), images.targets
    return (x[:n], y[:n]), (x[n:], y[n:]), images.name


def accuracy(net: Module, x: np.ndarray, y: np.ndarray) -> float:
    """The share that the largest score is right for."""
    parts = range(0, len(x), 500)
    return float(np.mean(np.concatenate([net.forward(x[i : i + 500]).argmax(1) for i in parts]) == y))


def curve(net: Module, train: tuple[Any, Any], held_out: tuple[Any, Any], epochs: int, eps: float) -> list[float]:
    """The held-out accuracy after each epoch."""
    found = []
    for _ in range(epochs):
        SGD(net, CrossEntropyLoss(), *train, batch_size=32, epochs=1, eps=eps)
        found.append(accuracy(net, *held_out))
    return found


def run(*, quick: bool = False) -> Result:
    """Every network on the same images."""
    train, held_out, source = samples(*((200, 100) if quick else (20_000, 5_000)))
    rows, curves = [], {}
    for name, make in NETWORKS.items():
        fs.manual_seed(0)
        net = make()
        size = sum(w.size for module in net.modules() for w in module.parameters.values())
        curves[name] = curve(net, train, held_out, 1 if quick else 10, 0.1)
        rows.append((name, f"{size:,}", f"{max(curves[name]):.2%}", f"{curves[name][-1]:.2%}"))
    gain = (curves["Conv1D(3, 1, 32)"][-1] - curves["256-100-10, ReLU"][-1]) * 100
    return Result(
        ("network", "parameters", "best epoch", "last epoch"),
        rows,
        f"Images: {source}. The convolution before the two linear layers is worth {gain:+.2f} points after the last epoch.",
        lambda figure: _draw(figure, curves, net, held_out),
        (10.0, 3.6),
    )


def _draw(figure: Any, curves: dict[str, list[float]], net: Any, held_out: tuple[Any, Any]) -> None:
    left, right = figure.subfigures(1, 2, width_ratios=(1.1, 1))
    ax = left.subplots()
    for name, values in curves.items():
        ax.plot(range(1, len(values) + 1), values, "o-", markersize=3, label=name)
    ax.set(xlabel="epoch", ylabel="held-out accuracy")
    ax.legend(loc="lower right")
    ax.grid(alpha=0.3)
    x, y = held_out
    guess = net.forward(x[:500]).argmax(1)
    wrong = np.flatnonzero(guess != y[:500])
    chosen = np.concatenate([np.arange(9), wrong, np.arange(9, 18)])[:18]
    for panel, i in zip(right.subplots(3, 6).flat, chosen, strict=True):
        panel.imshow(x[i].reshape(SIZE, SIZE), cmap="gray_r", vmin=0, vmax=1)
        panel.set_title(f"{guess[i]}", fontsize=9, color="tab:red" if guess[i] != y[i] else "black", pad=2)
        panel.axis("off")
    right.suptitle("read by the convolutional network: nine images held out, then errors (red)", fontsize=9)
