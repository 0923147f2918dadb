"""Cholesky's factor, solutions and log-determinants from it, its gradient.

Bounds: the factor is that of a matrix within (n + 2) eps |L||L^T| of A, a substitution is exact for a triangle within
(n + 2) eps |L| of L (N. Higham, Accuracy and Stability of Numerical Algorithms, 2002, theorems 10.3 and 8.5). What that
does to the result is followed to first order; twice that allows for the twin and for what is left out.
"""

from typing import Any

import numpy as np

from ..bounds import bounded
from ..order import gives, rows

Array = np.ndarray[Any, Any]


def _t(x: Array) -> Array:
    return x.swapaxes(-1, -2)


def _half(x: Array) -> Array:
    """The lower triangle, with half the diagonal."""
    return np.tril(x) - 0.5 * np.tril(np.triu(x))


def _inverse_size(factor: Array) -> Array:
    """|L^-1|."""
    return np.abs(_substitute(factor, np.broadcast_to(np.eye(factor.shape[-1], dtype=factor.dtype), factor.shape)))


def _substitute(factor: Array, b: Array, transposed: bool = False) -> Array:
    """L^-1 b, or L^-T b: row after row, each with those that are known."""
    n = factor.shape[-1]
    t = _t(factor) if transposed else factor
    x = np.array(b)
    with np.errstate(all="ignore"):
        for i in reversed(range(n)) if transposed else range(n):
            known = slice(i + 1, n) if transposed else slice(0, i)
            product = np.matmul(t[..., i : i + 1, known], x[..., known, :])[..., 0, :]
            x[..., i, :] = (x[..., i, :] - product) / t[..., i, i, None]
    return x


def _factor(a: Array) -> Array | None:
    """The lower factor; None if a matrix is not positive definite. Some LAPACKs let NaN through."""
    try:
        lower = np.tril(np.linalg.cholesky(a))
    except np.linalg.LinAlgError:
        return None
    return None if np.isnan(np.diagonal(lower, axis1=-2, axis2=-1)).any() else lower


def _first_failure(a: Array) -> tuple[int, int]:
    """The first matrix that is not positive definite, and the order of its first leading minor that is not."""
    n = a.shape[-1]
    orders = ((i, k) for i in range(a.size // (n * n)) for k in range(1, n + 1))
    return next((i, k) for i, k in orders if _factor(a.reshape(-1, n, n)[i, :k, :k]) is None)


def _need_square(name: str, x: Array) -> None:
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{name} must be square matrices of shape (..., n, n), got {x.shape}")


def _cholesky_bound(eps: float, y: Array, a: Array) -> Array:
    size, inverse = np.abs(y), _inverse_size(y)
    error = (a.shape[-1] + 2) * eps * size @ _t(size)
    return 2 * size @ _half(inverse @ error @ _t(inverse))


def _transposed_bound(eps: float, size: Array, inverse: Array, x: Array, error: Array) -> Array:
    """Of x = L^-T b, for an error in b."""
    return _t(inverse) @ ((size.shape[-1] + 2) * eps * _t(size) @ np.abs(x) + error)


def _solve_bound(eps: float, x: Array, factor: Array, b: Array) -> Array:
    lower = np.tril(factor)
    size, inverse = np.abs(lower), _inverse_size(lower)
    forward = inverse @ ((factor.shape[-1] + 2) * eps * size @ np.abs(_t(lower) @ x))
    return 2 * _transposed_bound(eps, size, inverse, x, forward)


def _logdet_bound(eps: float, y: Array, factor: Array) -> Array:
    logs = np.log(np.diagonal(factor, axis1=-2, axis2=-1))
    return 2 * (factor.shape[-1] + 8) * eps * np.abs(logs).sum(axis=-1)


def _backward_bound(eps: float, da: Array, dl: Array, factor: Array) -> Array:
    lower = np.tril(factor)
    size, inverse = np.abs(lower), _inverse_size(lower)
    error = (factor.shape[-1] + 2) * eps * _t(size) @ np.abs(np.tril(dl))
    first = _symmetric_half(_t(lower) @ np.tril(dl))
    half = _substitute(lower, first, transposed=True)
    half_error = _transposed_bound(eps, size, inverse, half, np.maximum(error, _t(error)))
    return 2 * _transposed_bound(eps, size, inverse, da, _t(half_error))


def _symmetric_half(x: Array) -> Array:
    """The symmetric part of the lower triangle with half the diagonal."""
    half = _half(x)
    return (half + _t(half)) / 2


@bounded(_cholesky_bound)
@gives(rows)
def cholesky(a: Array) -> Array:
    """The lower triangular L with L LT = a, for the symmetric matrices whose lower triangles a holds."""
    _need_square("a", a)
    lower = _factor(a)
    if lower is None:
        i, order = _first_failure(a)
        which = f" of matrix {i}" if a.ndim > 2 else ""
        raise np.linalg.LinAlgError(f"cholesky: the leading minor of order {order}{which} is not positive definite")
    return lower


def _inplace_bound(eps: float, y: None, a: Array) -> list[Array]:
    lower = _factor(np.tril(a))
    return [np.zeros_like(a) if lower is None else np.tril(_cholesky_bound(eps, lower, a))]


@bounded(_inplace_bound, inplace=(0,))
def cholesky_(a: Array) -> None:
    """L with L LT = a in place of the lower triangle of a (n, n); what is above it is neither read nor written."""
    if a.ndim != 2 or a.shape[0] != a.shape[1] or not (a.flags.carray or a.size == 0):
        raise ValueError(
            f"cholesky_: a must be a writable (n, n) array in C order, got shape {a.shape}, "
            f"strides {a.strides}, writable {a.flags.writeable}"
        )
    lower = _factor(np.tril(a))
    if lower is None:
        order = _first_failure(np.tril(a))[1]
        raise np.linalg.LinAlgError(f"cholesky_: {order}-th leading minor of the array is not positive definite")
    a[...] = np.where(np.tri(len(a), dtype=bool), lower, a)


@bounded(_solve_bound)
@gives(rows)
def cholesky_solve(factor: Array, b: Array) -> Array:
    """x with L LT x = b, for b (..., n, r); only the lower triangle of l is read."""
    _need_square("factor", factor)
    if b.ndim != factor.ndim or b.shape[:-1] != factor.shape[:-1]:
        raise ValueError(f"cholesky_solve: b {b.shape} does not fit factor {factor.shape}")
    return _substitute(factor, _substitute(factor, b), transposed=True)


@bounded(_logdet_bound)
def cholesky_logdet(factor: Array) -> Array:
    """log det(L LT) = 2 sum log L[j, j]."""
    _need_square("factor", factor)
    with np.errstate(all="ignore"):
        return np.asarray(2 * np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1))


@bounded(_backward_bound)
def cholesky_backward(dl: Array, factor: Array) -> Array:
    """L^-T S L^-1, S the symmetric part of the lower half of LT dl with half its diagonal (Giles 2008, Murray 2016)."""
    s = _symmetric_half(_t(factor) @ np.tril(dl))
    return _substitute(factor, _t(_substitute(factor, s, transposed=True)), transposed=True)
