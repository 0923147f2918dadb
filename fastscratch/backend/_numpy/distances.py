"""Distances between points, and points about their mean."""

from typing import Any

import numpy as np

from ..bounds import bounded
from ..order import gives, rows

Array = np.ndarray[Any, Any]


def _distance_bound(eps: float, y: Array, x: Array, *others: Array) -> Array:
    return (x.shape[1] + 2) * eps * y


def _centred_bound(eps: float, y: Any, x: Array) -> tuple[Array, Array]:
    mean = (len(x) / 128 + 130) * eps * np.abs(x).mean(axis=0)
    return eps * np.abs(y[0]) + mean, mean


@bounded(_distance_bound)
def squared_distances(x: Array, z: Array) -> Array:
    """|x_i - z_j|^2 for the rows of x (m, d) and z (n, d), by differences."""
    if x.ndim != 2 or z.ndim != 2 or x.shape[1] != z.shape[1]:
        raise ValueError(f"squared_distances: expected x (m, d) and z (n, d), got {x.shape} and {z.shape}")
    y = np.empty((len(x), len(z)), x.dtype)
    for j, point in enumerate(z):
        y[:, j] = np.square(x - point).sum(axis=1)
    return y


@bounded(_distance_bound)
def indexed_distances(x: Array, z: Array, index: Array) -> Array:
    """|x_i - z_index[i, j]|^2 for x (m, d), z (n, d) and an index (m, k) into z."""
    if x.ndim != 2 or z.ndim != 2 or x.shape[1] != z.shape[1] or index.ndim != 2 or len(index) != len(x):
        raise ValueError(
            f"indexed_distances: expected x (m, d), z (n, d) and index (m, k), got {x.shape}, {z.shape} and {index.shape}"
        )
    wrong = index[(index < 0) | (index >= len(z))]
    if wrong.size:
        raise IndexError(f"indexed_distances: index {wrong.flat[0]} is out of range for a table of {len(z)} rows")
    y = np.empty(index.shape, x.dtype)
    for j, at in enumerate(index.T):
        y[:, j] = np.square(x - z[at]).sum(axis=1)
    return y


@bounded(_centred_bound)
@gives(rows)
def centred(x: Array) -> tuple[Array, Array]:
    """x - mean, and the mean of the rows of x (m, d)."""
    if x.ndim != 2 or not len(x):
        raise ValueError(f"centred: expected x (m, d) with m > 0, got {x.shape}")
    mean = x.mean(axis=0, dtype=np.float64).astype(x.dtype)
    return x - mean, mean
