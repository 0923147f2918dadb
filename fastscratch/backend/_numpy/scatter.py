"""Second moments of weighted points."""

from typing import Any

import numpy as np

from ..bounds import bounded

Array = np.ndarray[Any, Any]


def _scatter_bound(eps: float, y: Any, x: Array, weight: Array | None, shift: Array | None) -> Any:
    away = np.abs(x if shift is None else x - shift)
    return tuple((len(x) + 8) * eps * sums for sums in scatter(away, weight, None))


@bounded(_scatter_bound)
def scatter(x: Array, weight: Array | None, shift: Array | None) -> tuple[Array, Array]:
    """sum_i w_i (x_i - s)(x_i - s)^T and sum_i w_i (x_i - s) for the rows of x (n, d), weights (n,) and a point s (d,)."""
    if (
        x.ndim != 2
        or (weight is not None and weight.shape != x.shape[:1])
        or (shift is not None and shift.shape != x.shape[1:])
    ):
        shapes = [None if p is None else p.shape for p in (weight, shift)]
        raise ValueError(
            f"scatter: expected x (n, d), weight (n,) and shift (d,), got {x.shape}, {shapes[0]} and {shapes[1]}"
        )
    away = x if shift is None else x - shift
    root = np.ones((len(x), 1), x.dtype) if weight is None else np.sqrt(weight)[:, None]
    block = root * away
    lower = np.tril(np.matmul(block.T, block))
    return lower + np.tril(lower, -1).T, (root * block).sum(axis=0)
