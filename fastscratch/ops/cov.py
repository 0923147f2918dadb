"""Covariance of variables over weighted observations."""

from typing import Any

import numpy as np

from .. import backend
from ..quiet import quietly
from ..tensor import Tensor, method, record
from .operands import need_tensor

__all__ = ["cov"]

Array = np.ndarray[Any, Any]


@method
def cov(input: Tensor, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Tensor:
    """C[i, j] = sum_t w_t (x_it - mean_i)(x_jt - mean_j) / (sum_t w_t - correction), means weighted too.

    Parameters
    ----------
    input : Tensor, shape (variables, observations) or (observations,)
    correction : int
        1 for the unbiased estimate, 0 for the mean square. With aweights a the subtrahend is
        correction sum_t w_t a_t / sum_t w_t.
    fweights : Tensor of integers, shape (observations,), optional
        How often each observation was made.
    aweights : Tensor, shape (observations,), optional
        How much each observation counts; w = fweights aweights.

    Returns
    -------
    Tensor, shape (variables, variables), or () for one variable

    Raises
    ------
    RuntimeError
        If input has more than two axes or is not floating, or weights are of another shape, of the wrong dtype or negative.

    Notes
    -----
    variables^2 observations operations. A denominator that is not positive counts as 0: the result is infinite or NaN. No
    gradient in the weights.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.cov(fs.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    x = need_tensor(input, "cov")
    if x.ndim > 2 or x.dtype.kind != "f":
        raise RuntimeError(f"cov: expected a floating tensor of at most 2 axes, got {x.dtype} of shape {x.shape}")
    points = np.ascontiguousarray(np.atleast_2d(x.array).T)
    frequency, importance = _weights("fweights", fweights, "iu", points), _weights("aweights", aweights, "f", points)
    weight = importance if frequency is None else frequency if importance is None else frequency * importance
    whole = np.float64(len(points)) if weight is None else weight.sum()
    lost = correction if importance is None or weight is None else correction * (weight * importance).sum() / whole
    with quietly():
        mean = (points if weight is None else weight[:, None] * points).sum(axis=0) / x.dtype.type(whole)
        scale = x.dtype.type(1 / np.maximum(0, whole - lost))
        matrix = scale * backend.scatter(points, None, weight, mean)[0]
    return record(
        matrix if x.ndim == 2 else matrix.reshape(()), (x,), _cov_gradient, points, mean, weight, scale, x.shape
    )


def _cov_gradient(dy, needs, points, mean, weight, scale, shape):
    # The weighted distances from the mean sum to 0, so that the mean's own gradient vanishes.
    away = points - mean if weight is None else weight[:, None] * (points - mean)
    d = dy.reshape(points.shape[1], points.shape[1])
    return (backend.matmul(scale * (d + d.T), away.T).reshape(shape),)


def _weights(name: str, given: Any, kind: str, points: Array) -> Array | None:
    """Weights in the dtype of the points."""
    if given is None:
        return None
    weight = need_tensor(given, "cov").array
    if weight.shape != points.shape[:1] or weight.dtype.kind not in kind:
        what = "integers" if kind == "iu" else "floats"
        raise RuntimeError(f"cov: {name} must be {len(points)} {what}, got {weight.dtype} of shape {weight.shape}")
    if (weight < 0).any():
        raise RuntimeError(f"cov: {name} must not be negative, got {weight.min()}")
    return weight.astype(points.dtype)
