"""Gram matrices of the Gaussian, the linear and the polynomial kernel, and their products with vectors.

A bound is that of the kernel's argument (inner products, or squared distances about a point near all), followed through the
kernel, and the kernel's own rounding: see csrc/prototypes.h.
"""

from typing import Any

import numpy as np

from ..bounds import bounded

Array = np.ndarray[Any, Any]

ROWS = 1024  # at a time, where no more of K is to be in memory
_TILE = 224  # terms that the kernel adds up in the type of the points


def _need(name: str, x: Array, z: Array | None, kernel: str, degree: float) -> None:
    if kernel not in ("rbf", "linear", "polynomial"):
        raise ValueError(f'the kernel must be "rbf", "linear" or "polynomial", got {kernel!r}')
    if kernel == "polynomial" and not degree >= 0:
        raise ValueError(f"the degree of a polynomial kernel must not be negative, got {degree}")
    if x.ndim != 2 or (z is not None and (z.ndim != 2 or z.shape[1] != x.shape[1])):
        raise ValueError(f"{name}: expected x (m, d) and z (n, d), got {x.shape} and {None if z is None else z.shape}")


def _centre(z: Array) -> Array:
    """The mean of the points; 0 in a column with a NaN or an infinity, lest it spread to every point."""
    mean = z.sum(axis=0, dtype=np.float64) / len(z)
    return np.where(np.isfinite(mean), mean, 0)


def _values(x: Array, z: Array, kernel: str, gamma: float, coef0: float, degree: float) -> Array:
    """Between the rows of x and z."""
    if not z.size and not len(z):
        return np.zeros((len(x), 0), x.dtype)
    rate, shift = x.dtype.type(gamma), x.dtype.type(coef0)
    if kernel != "rbf":
        products: Array = np.matmul(x, z.T)
        return products if kernel == "linear" else np.power(rate * products + shift, x.dtype.type(degree))
    centre = _centre(z)
    a, b = (x - centre).astype(x.dtype), (z - centre).astype(x.dtype)
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * np.matmul(a, b.T)
    values: Array = np.exp(-rate * np.maximum(0, squares))
    return values


def _set_diagonal(k: Array, x: Array, kernel: str, first: int = 0) -> None:
    """Row i of k belongs to point i + first of x: its distance from itself is 0, or NaN where it is not finite."""
    if kernel == "rbf":
        rows = np.arange(len(k))
        size = np.square(x[first : first + len(k)]).sum(axis=1)
        k[rows, rows + first] = 1 + (size - size)


def _values_bound(
    eps: float, k: Array, x: Array, z: Array, kernel: str, gamma: float, coef0: float, degree: float
) -> Array:
    d = x.shape[1]
    if not k.size:
        return k
    if kernel == "rbf":
        centre = _centre(z)
        lost = 70 * eps * np.abs(z).mean(axis=0)  # the centre is that of sums of 64 in the type, and rounded
        lost = np.where(np.isfinite(lost), lost, 0)
        sizes = [np.square(np.abs(p - centre) + lost).sum(axis=1) for p in (x, z)]
        error = gamma * (2 * d + 16) * eps * (sizes[0][:, None] + sizes[1])
        # k itself may have underflowed, and the error is in its exponent
        least = np.maximum(k, np.finfo(np.float64).tiny)
        moved = np.where(error < 700, least * np.expm1(np.minimum(error, 700)), 1)  # both kernels lie between 0 and 1
        return moved + k * 4 * eps * (2 - np.log(least))
    sizes_product = np.matmul(np.abs(x), np.abs(z).T)
    if kernel == "linear":
        return (d + 2) * eps * sizes_product
    base = np.abs(gamma * np.matmul(x, z.T) + coef0)
    error = (d + 6) * eps * (abs(gamma) * sizes_product + abs(coef0))
    high, low = np.power(base + error, degree), np.power(np.maximum(0, base - error), degree)
    own = 2 * degree if degree == round(degree) else 4 * (1 + degree * np.abs(np.log(np.maximum(base, 1e-300))))
    return high - low + own * eps * high


def _gram_bound(eps: float, k: Array, x: Array, z: Array | None, *rule: Any) -> Array:
    return _values_bound(eps, k, x, x if z is None else z, *rule)


def _gram_lower_bound(eps: float, y: Any, x: Array, alpha: float, *rule_and_out: Any) -> Any:
    *rule, _out = rule_and_out
    k = gram(x, None, *rule)
    bound = np.tril(_values_bound(eps, k, x, x, *rule))
    np.fill_diagonal(bound, np.diagonal(bound) + 2 * eps * (np.abs(np.diagonal(k)) + abs(alpha)))
    return [bound]


def _gram_matmul_bound(eps: float, y: Array, x: Array, z: Array | None, v: Array, *rule: Any) -> Array:
    k = gram(x, z, *rule)
    own = _gram_bound(eps, k, x, z, *rule)
    terms = min(len(v), _TILE) + len(v) / _TILE + 20
    return np.matmul(own, np.abs(v)) + terms * eps * np.matmul(np.abs(k) + own, np.abs(v))


@bounded(_gram_bound)
def gram(x: Array, z: Array | None, kernel: str, gamma: float, coef0: float, degree: float) -> Array:
    """K[i, j] for the rows of x (m, d) and z (n, d): exp(-gamma |x_i - z_j|^2) for the kernel "rbf", x_i.z_j for "linear",
    (gamma x_i.z_j + coef0)^degree for "polynomial". z None: those of x; then exactly symmetric, and "rbf" is exactly 1 on
    the diagonal.
    """
    _need("gram", x, z, kernel, degree)
    if z is not None:
        return _values(x, z, kernel, gamma, coef0, degree)
    k = np.tril(_values(x, x, kernel, gamma, coef0, degree))
    _set_diagonal(k, x, kernel)
    return k + np.tril(k, -1).T


@bounded(_gram_lower_bound, inplace=(6,))
def gram_lower(x: Array, alpha: float, kernel: str, gamma: float, coef0: float, degree: float, out: Array) -> None:
    """The lower triangle of K + alpha I in that of out (n, n), for the rows of x (n, d); the rest of out is not touched."""
    _need("gram_lower", x, None, kernel, degree)
    n = len(x)
    if out.shape != (n, n) or not out.flags.carray:
        raise ValueError(
            f"gram_lower: out must be a writeable array of shape {(n, n)} in C order, got shape {out.shape}"
        )
    for i in range(0, n, ROWS):
        block = _values(x[i : i + ROWS], x, kernel, gamma, coef0, degree)
        _set_diagonal(block, x, kernel, i)
        rows = np.arange(len(block))
        block[rows, rows + i] += x.dtype.type(alpha)
        np.copyto(out[i : i + ROWS], block, where=np.tri(len(block), n, i, dtype=bool))


@bounded(_gram_matmul_bound)
def gram_matmul(x: Array, z: Array | None, v: Array, kernel: str, gamma: float, coef0: float, degree: float) -> Array:
    """K v for the K (m, n) of gram and v (n, r), a part of K at a time."""
    _need("gram_matmul", x, z, kernel, degree)
    n = len(x if z is None else z)
    if v.ndim != 2 or len(v) != n:
        raise ValueError(f"gram_matmul: expected v ({n}, r), got {v.shape}")
    y = np.zeros((len(x), v.shape[1]), x.dtype)
    for i in range(0, len(x), ROWS):
        block = _values(x[i : i + ROWS], x if z is None else z, kernel, gamma, coef0, degree)
        if z is None:
            _set_diagonal(block, x, kernel, i)
        y[i : i + ROWS] = np.matmul(block, v)
    return y
