"""Normal equations: formed in float64 block by block, solved by Cholesky, and a bound on what that loses.

The second moments about the mean are the whole of the data that a linear fit needs. They are taken about the first rows'
mean, which is near enough to lose nothing, and moved to the true mean at the end.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import backend

Array = np.ndarray[Any, Any]
BLOCK = 8192  # rows that are turned into float64 at a time


class Moments(NamedTuple):
    """Weight, means and centred second moments of the columns of X and of the targets."""

    weight: float
    x_mean: Array
    y_mean: Array
    xx: Array  # (d, d)
    xy: Array  # (d, outputs)


def moments(X: Array, y: Array, weight: Array | None, centre: bool) -> Moments:
    """Of X (n, d) and y (n, outputs) in float64; without centre, about 0."""
    d = X.shape[1]
    shift = X[:BLOCK].mean(0, np.float64) if centre else None
    x_mean, y_mean = np.zeros(d), np.zeros(y.shape[1])
    if centre:
        y_mean = np.average(y.astype(np.float64), axis=0, weights=weight)
    away = y - y_mean if weight is None else weight[:, None] * (y - y_mean)  # sums to 0: X need not be centred for xy
    xx, xy, total = np.zeros((d, d)), np.zeros((d, y.shape[1])), np.zeros(d)
    for part in blocks(X):
        block = X[part].astype(np.float64, copy=False)
        matrix, sums = backend.scatter(block, None if weight is None else weight[part].astype(np.float64), shift)
        xx, total = xx + matrix, total + sums
        xy += backend.matmul(block.T, away[part].astype(np.float64, copy=False))
    n = float(len(X)) if weight is None else float(weight.sum(dtype=np.float64))
    if shift is not None:
        xx -= np.outer(total, total / n)
        x_mean = shift + total / n
    return Moments(n, x_mean, y_mean, xx, xy)


def blocks(X: Array) -> Iterator[slice]:
    """All rows at once if they are float64 already, else some at a time."""
    rows = max(1, len(X)) if X.dtype == np.float64 else BLOCK
    return (slice(start, start + rows) for start in range(0, len(X), rows))


def solve(matrix: Array, right: Array, limit: float = 1e-10) -> Array | None:
    """matrix^-1 right for a positive definite matrix, None where it is not one, or its condition is beyond 1 / limit.

    The condition is that of the matrix with ones on its diagonal (scaled by rows and columns), estimated.
    """
    size = np.sqrt(np.diagonal(matrix))
    if not (size > 0).all():
        return None
    scaled = matrix / np.outer(size, size)
    try:
        factor = backend.cholesky(scaled)
    except np.linalg.LinAlgError:
        return None
    if np.abs(scaled).sum(0).max() * _inverse_norm(factor) > 1 / limit:
        return None
    return backend.cholesky_solve(factor, np.ascontiguousarray(right / size[:, None])) / size[:, None]


def _inverse_norm(factor: Array, rounds: int = 5) -> float:
    """A lower bound, nearly always close, of the 1-norm of the inverse (W. Hager, SIAM J. Sci. Stat. Comput. 5, 1984)."""
    n = len(factor)
    x, best = np.full((n, 1), 1 / n), 0.0
    for _ in range(rounds):
        y = backend.cholesky_solve(factor, x)
        best = max(best, float(np.abs(y).sum()))
        slope = backend.cholesky_solve(factor, np.where(y < 0, -1.0, 1.0))
        at = int(np.argmax(np.abs(slope)))
        if abs(slope[at, 0]) <= float((slope * x).sum()):
            break
        x = np.zeros((n, 1))
        x[at] = 1
    return best
