"""The equations of kernel ridge regression, (K + alpha W^-1) c = y, for weights W of the samples."""

import math
from typing import Any, NamedTuple

import numpy as np

from .. import backend
from .kernels import Source

Array = np.ndarray[Any, Any]


class System:
    """One penalty, and the targets that share it.

    source : the Gram matrix K of n samples
    weight : their weights, positive, shape (n,), or None
    alpha : the penalty
    y : targets in float64, shape (n, outputs)
    """

    def __init__(self, source: Source, weight: Array | None, alpha: float, y: Array) -> None:
        self.source, self.weight, self.alpha, self.y = source, weight, alpha, y
        self.ridge = np.full(len(y), alpha) if weight is None else alpha / weight
        self.root = np.ones(len(y)) if weight is None else np.sqrt(weight)

    def __len__(self) -> int:
        return len(self.y)

    def lower(self, dtype: Any) -> Array:
        """The lower triangle of the matrix, the only array of n x n that a factor needs."""
        return add_diagonal(self.source.lower(dtype), self.ridge)

    def product(self, v: Array) -> Array:
        """(K + alpha W^-1) v in float64, K's tiles computed in v's dtype."""
        return self.source.product(v) + self.ridge[:, None] * v


class Solution(NamedTuple):
    """What a solver found, and how."""

    dual: Array  # (n, outputs), in float64
    precision: str
    steps: int = 1  # of refinement or of conjugate gradients
    inverse_diagonal: Array | None = None  # of (K + alpha W^-1)^-1


def add_diagonal(a: Array, values: Array) -> Array:
    """a, changed: its diagonal is larger by the values."""
    diagonal = a.reshape(-1)[:: len(a) + 1]
    diagonal += values.astype(a.dtype)
    return a


def factor(a: Array) -> bool:
    """Put Cholesky's factor in the place of the lower triangle of a; False if the matrix is singular or nearly so.

    A pivot that is left with less than its rounding errors, about sqrt(n) eps of the entry it started from, is noise.
    """
    before = a.diagonal().copy()
    try:
        backend.cholesky_(a)
    except np.linalg.LinAlgError:
        return False
    noise = 4 * math.sqrt(len(a)) * np.finfo(a.dtype).eps
    pivots = np.square(a.diagonal())
    return bool((pivots > noise * before).all() and np.isfinite(pivots).all())


def solve(factored: Array, b: Array) -> Array:
    """The solution in float64 for b in float64, of a factor of either dtype; columns are scaled, lest float32 overflows."""
    size = np.abs(b).max(axis=0, initial=0)
    size[size == 0] = 1
    x = backend.cholesky_solve(factored, np.ascontiguousarray((b / size).astype(factored.dtype)))
    return x.astype(np.float64) * size
