"""Normal equations: formed block by block, solved by Cholesky, and a bound on what that loses.

The second moments about the mean are the whole of the data that a linear fit needs. They are taken about the first rows'
mean, which is near enough to lose nothing, and moved to the true mean at the end. Those of float32 data are multiplied in
float32 and added up in float64: as good as the data where the equations' condition is small, and formed anew in float64
where it is not.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import backend

Array = np.ndarray[Any, Any]
BLOCK = 8192  # rows that are turned into float64 at a time
FIRST = 256  # rows near whose mean the mean is taken to be
LIMIT = {"float32": 1e-2, "float64": 1e-10}  # the reciprocal condition to which products in a type will do


class Moments(NamedTuple):
    """Weight, means and centred second moments of the columns of X and of the targets."""

    weight: float
    x_mean: Array
    y_mean: Array
    xx: Array  # (d, d)
    xy: Array  # (d, outputs)


def moments(X: Array, y: Array, weight: Array | None, centre: bool, dtype: Any = np.float64) -> Moments:
    """Of X (n, d) and y (n, outputs), multiplied in dtype; without centre, about 0."""
    d = X.shape[1]
    shift = np.concatenate([X[:FIRST].mean(0), y[:FIRST].mean(0)]).astype(X.dtype) if centre else None
    matrix, total = np.zeros((d + y.shape[1],) * 2), np.zeros(d + y.shape[1])
    for part in [slice(None)] if dtype == X.dtype else blocks(X):
        given = (
            None if a is None else a.astype(dtype, copy=False) for a in (X[part], y[part], _of(weight, part), shift)
        )
        products, sums = backend.scatter(*given)
        matrix, total = matrix + products, total + sums
    n = float(len(X)) if weight is None else float(weight.sum(dtype=np.float64))
    mean = np.zeros_like(total)
    if shift is not None:
        matrix -= np.outer(total, total / n)
        mean = shift + total / n
    return Moments(n, mean[:d], mean[d:], matrix[:d, :d], matrix[:d, d:])


def _of(weight: Array | None, part: slice) -> Array | None:
    return None if weight is None else weight[part]


def blocks(X: Array) -> Iterator[slice]:
    """All rows at once if they are float64 already, else some at a time."""
    rows = max(1, len(X)) if X.dtype == np.float64 else BLOCK
    return (slice(start, start + rows) for start in range(0, len(X), rows))


def solve(matrix: Array, right: Array, limit: float) -> Array | None:
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
