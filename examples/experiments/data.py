"""Images to train on and images held out of the same training set: MNIST where it is on this machine, else drawn digits."""

from typing import NamedTuple

import numpy as np

import fastscratch as fs
from fastscratch.data import DatasetNotFoundError, load_dataset

HELD_OUT = 10_000  # the last images of MNIST's training set


class Images(NamedTuple):
    """x (n, 784) float32 in [0, 1], y (n,) int64; the same held out; where they came from."""

    x: fs.Tensor
    y: fs.Tensor
    x_val: fs.Tensor
    y_val: fs.Tensor
    source: str


def images(n: int, n_val: int) -> Images:
    """The first n training images, and n_val of those held out."""
    try:
        samples = load_dataset("mnist", download=False)
        source = "MNIST, training set"
    except DatasetNotFoundError:
        samples = load_dataset("digits", n_samples=50_000 + HELD_OUT if n > 2000 else 4000)
        source = "digits drawn by fastscratch, since MNIST is not on this machine"
    held_out = min(HELD_OUT, len(samples) // 2)
    chosen = np.r_[:n, len(samples) - held_out : len(samples) - held_out + n_val]
    x = samples.data[chosen].reshape(len(chosen), -1).astype(np.float32) / 255
    y = samples.targets[chosen]
    return Images(*map(fs.tensor, (x[:n], y[:n], x[n:], y[n:])), source)
