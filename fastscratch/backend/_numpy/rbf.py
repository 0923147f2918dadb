"""The Gram matrix of the Gaussian kernel."""

from typing import Any

import numpy as np

from ..bounds import bounded

Array = np.ndarray[Any, Any]


def _centre(x: Array) -> Array:
    """The mean of the points; 0 in a column with a NaN or an infinity, lest it spread to every point."""
    with np.errstate(all="ignore"):
        mean = x.sum(axis=0, dtype=np.float64) / len(x)
    return np.where(np.isfinite(mean), mean, 0)


def _gram_bound(eps: float, k: Array, x: Array, z: Array | None, gamma: float) -> Array:
    """See csrc/prototypes.h, rbf.c; the centre itself is rounded, and the points by as much more."""
    if not k.size:
        return k
    centre = _centre(x)
    lost = 2 * eps * np.abs(centre)
    sizes = [np.square(np.abs(p - centre) + lost).sum(axis=1) for p in (x, x if z is None else z)]
    error = (2 * x.shape[1] + 16) * eps * (sizes[0][:, None] + sizes[1])
    exponent = -np.log(np.maximum(k, np.finfo(np.float64).tiny))
    return k * (np.expm1(gamma * error) + 4 * eps * (2 + exponent))


@bounded(_gram_bound)
def rbf_gram(x: Array, z: Array | None, gamma: float) -> Array:
    """exp(-gamma |x_i - z_j|^2) for the rows of x (m, d) and z (n, d); z None: those of x, exactly 1 on the diagonal."""
    if x.ndim != 2 or (z is not None and (z.ndim != 2 or z.shape[1] != x.shape[1])):
        raise ValueError(
            f"rbf_gram: expected x (m, d) and z (n, d), got {x.shape} and {None if z is None else z.shape}"
        )
    if not len(x):
        return np.zeros((0, 0 if z is None else len(z)), x.dtype)
    with np.errstate(all="ignore"):
        centre = _centre(x)
        a = (x - centre).astype(x.dtype)
        b = a if z is None else (z - centre).astype(x.dtype)
        a_norm, b_norm = np.square(a).sum(axis=1), np.square(b).sum(axis=1)
        squares = np.maximum(0, a_norm[:, None] + b_norm - 2 * np.matmul(a, b.T))
        k: Array = np.exp(-x.dtype.type(gamma) * squares)
        if z is None:
            k = np.tril(k, -1) + np.tril(k, -1).T
            np.fill_diagonal(k, 1 + (a_norm - a_norm))
    return k
