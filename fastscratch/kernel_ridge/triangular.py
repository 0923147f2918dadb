"""The inverse of a triangular factor, some columns at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import backend

Array = np.ndarray[Any, Any]
WIDTH = 128


def inverse_columns(lower: Array) -> Iterator[tuple[int, int, Array]]:
    """(first, last, rows first.. of columns first .. last of L^-1): forward substitution block by block.

    n^3 / 3 multiplications and additions each for all columns, nearly all of them in products of blocks.
    """
    n = len(lower)
    cuts = [(i, min(n, i + WIDTH)) for i in range(0, n, WIDTH)]
    inverses = [np.linalg.inv(np.tril(lower[i:j, i:j])) for i, j in cuts]
    for at, (first, last) in enumerate(cuts):
        z = np.empty((n - first, last - first), lower.dtype)
        z[: last - first] = inverses[at]
        for (i, j), inverse in zip(cuts[at + 1 :], inverses[at + 1 :], strict=True):
            known = backend.matmul(lower[i:j, first:i], z[: i - first])
            z[i - first : j - first] = -backend.matmul(inverse, known)
        yield first, last, z


def inverse(lower: Array) -> Array:
    """L^-1 with zeros above its diagonal."""
    whole = np.zeros_like(lower)
    for first, last, z in inverse_columns(lower):
        whole[first:, first:last] = z
    return whole


def inverse_diagonal(lower: Array) -> Array:
    """The diagonal of (L L^T)^-1: the sums of squares of the columns of L^-1, in float64."""
    found = np.empty(len(lower))
    for first, last, z in inverse_columns(lower):
        found[first:last] = np.square(z, dtype=np.float64).sum(axis=0)
    return found
