"""Second moments of weighted points."""

from typing import Any

import numpy as np

from ..bounds import bounded

Array = np.ndarray[Any, Any]


def _scatter_bound(
    eps: float, result: Any, x: Array, y: Array | None, weight: Array | None, shift: Array | None
) -> Any:
    rows = x if y is None else np.hstack([x, y])
    away = np.abs(rows if shift is None else rows - shift)
    error = (min(len(x), 768) + 8) * eps + len(x) * np.finfo(np.float64).eps  # sums of some rows, and those in float64
    return tuple(error * sums for sums in scatter(away, None, weight, None))


@bounded(_scatter_bound)
def scatter(x: Array, y: Array | None, weight: Array | None, shift: Array | None) -> tuple[Array, Array]:
    """sum_i w_i (z_i - s)(z_i - s)^T and sum_i w_i (z_i - s) for weights (n,), a point s (d + outputs,), and the rows z of
    x (n, d), followed by those of y (n, outputs) if given."""
    if (
        x.ndim != 2
        or (y is not None and (y.ndim != 2 or len(y) != len(x)))
        or (weight is not None and weight.shape != x.shape[:1])
        or (shift is not None and shift.shape != (x.shape[1] + (0 if y is None else y.shape[1]),))
    ):
        shapes = [None if p is None else p.shape for p in (x, y, weight, shift)]
        raise ValueError(
            "scatter: expected x (n, d), y (n, outputs), weight (n,) and shift (d + outputs,), got "
            "{}, {}, {} and {}".format(*shapes)
        )
    rows = x if y is None else np.hstack([x, y])
    away = rows if shift is None else rows - shift
    root = np.ones((len(x), 1), x.dtype) if weight is None else np.sqrt(weight)[:, None]
    block = root * away
    lower = np.tril(np.matmul(block.T, block))
    return lower + np.tril(lower, -1).T, (root * block).sum(axis=0)
