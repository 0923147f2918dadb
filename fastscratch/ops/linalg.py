"""Linear algebra: positive definite matrices on our kernels, everything else on numpy.linalg, all with gradients."""

from typing import Any, NamedTuple

import numpy as np

from .. import backend
from ..backend.broadcast import sum_to
from ..quiet import quietly
from ..tape import OUTPUT
from ..tensor import Tensor, method, record
from .operands import axes_of, need_tensor

__all__ = ["cholesky_solve", "det", "inverse", "logdet", "slogdet"]

Array = np.ndarray[Any, Any]


def _t(x: Array) -> Array:
    return x.swapaxes(-1, -2)


def _square(x: Any, operation: str) -> Tensor:
    """x, if it holds square floating matrices."""
    a = need_tensor(x, operation)
    if a.dtype.kind != "f":
        raise RuntimeError(f"{operation}: expected a floating dtype, got {a.dtype}")
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise RuntimeError(f"{operation}: expected square matrices of shape (..., n, n), got {a.shape}")
    return a


# ---- positive definite matrices ----


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The lower triangular L with L L^T = A, or with upper its transpose.

    Parameters
    ----------
    A : Tensor, shape (..., n, n)
        Symmetric and positive definite; only the lower triangle is read.
    upper : bool

    Raises
    ------
    numpy.linalg.LinAlgError
        If a matrix is not positive definite; the message names the order of the leading minor that fails.
    RuntimeError
        If A does not hold square floating matrices.

    Notes
    -----
    n^3 / 3 operations. The gradient is symmetric: it takes A to change as a symmetric matrix.

    References
    ----------
    M. Giles, Collected Matrix Derivative Results for Forward and Reverse Mode Algorithmic Differentiation, 2008;
    I. Murray, Differentiation of the Cholesky Decomposition, arXiv:1602.07527, 2016.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.linalg.cholesky(fs.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    a = _square(A, "cholesky")
    lower = backend.cholesky(a.array)
    if upper:
        return record(_t(lower), (a,), _upper_gradient, OUTPUT)
    return record(lower, (a,), _cholesky_gradient, OUTPUT)


def _cholesky_gradient(dy, needs, lower):
    return (backend.cholesky_backward(dy, lower),)


def _upper_gradient(dy, needs, upper):
    return (backend.cholesky_backward(_t(dy), _t(upper)),)


def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """X with A X = B, from Cholesky's factor of A.

    Parameters
    ----------
    B : Tensor, shape (..., n, r)
    L : Tensor, shape (..., n, n)
        The lower factor, or with upper the upper one; the other triangle is not read. Leading axes broadcast with B's.
    upper : bool

    Raises
    ------
    RuntimeError
        If shapes do not fit or dtypes differ.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.cholesky_solve(fs.tensor([[8.0], [12.0]]), fs.tensor([[2.0, 0.0], [1.0, 2.0]]))
    tensor([[1.],
            [2.]])
    """
    b, factor = need_tensor(B, "cholesky_solve"), _square(L, "cholesky_solve")
    if b.ndim < 2 or b.shape[-2] != factor.shape[-1]:
        raise RuntimeError(f"cholesky_solve: B of shape {b.shape} does not fit L of shape {factor.shape}")
    lower, rhs = _broadcast_batch(_t(factor.array) if upper else factor.array, b.array)
    try:
        x = backend.cholesky_solve(lower, rhs)
    except TypeError as error:
        raise RuntimeError(str(error)) from None
    return record(x, (b, factor), _cholesky_solve_gradient, factor, OUTPUT, b.shape, upper)


def _broadcast_batch(a: Array, b: Array) -> tuple[Array, Array]:
    try:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise RuntimeError(f"cholesky_solve: batch axes of {a.shape} and {b.shape} do not broadcast") from None
    return np.broadcast_to(a, batch + a.shape[-2:]), np.broadcast_to(b, batch + b.shape[-2:])


def _cholesky_solve_gradient(dy, needs, factor, x, b_shape, upper):
    # With G = A^-1 dX: dB = G, dA = -G X^T, and A = L L^T gives dL = (dA + dA^T) L, of which L's triangle counts.
    lower = np.broadcast_to(_t(factor) if upper else factor, x.shape[:-2] + factor.shape[-2:])
    g = backend.cholesky_solve(lower, np.ascontiguousarray(dy))
    db = sum_to(g, b_shape) if needs[0] else None
    if not needs[1]:
        return db, None
    product = backend.matmul(g, _t(x))
    dl = -np.tril(backend.matmul(product + _t(product), np.tril(lower)))
    return db, sum_to(_t(dl) if upper else dl, factor.shape)


def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant of each matrix; NaN where that is negative.

    Symmetric positive definite matrices go through Cholesky's factor, others through numpy.linalg.slogdet.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.logdet(fs.tensor([[1.0, 0.0], [0.0, 1.0]]))
    tensor(0.)
    """
    a = _square(input, "logdet")
    factor = _factor_if_definite(a.array)
    if factor is not None:
        return record(backend.cholesky_logdet(factor), (a,), _logdet_definite_gradient, factor)
    with quietly():
        sign, log = np.linalg.slogdet(a.array)
        y = np.where(sign < 0, np.array(np.nan, a.dtype), log)
    return record(y, (a,), _log_determinant_gradient, a)


def _factor_if_definite(a: Array) -> Array | None:
    """Cholesky's factor, or None if a is not symmetric or not positive definite."""
    if not np.array_equal(a, _t(a)):
        return None
    try:
        factor: Array = backend.cholesky(a)
    except np.linalg.LinAlgError:
        return None
    return factor


def _logdet_definite_gradient(dy, needs, lower):
    eye = np.broadcast_to(np.eye(lower.shape[-1], dtype=lower.dtype), lower.shape)
    return (dy[..., None, None] * backend.cholesky_solve(lower, eye),)


def _log_determinant_gradient(dy, needs, a):
    return (dy[..., None, None] * _t(np.linalg.inv(a)),)


# ---- general matrices ----


class SlogdetResult(NamedTuple):
    """What slogdet returns."""

    sign: Tensor
    logabsdet: Tensor


def slogdet(A: Tensor) -> SlogdetResult:
    """Sign and logarithm of the absolute value of the determinant of each matrix; only the latter has a gradient."""
    a = _square(A, "slogdet")
    sign, log = np.linalg.slogdet(a.array)
    return SlogdetResult(Tensor(sign), record(log, (a,), _log_determinant_gradient, a))


def det(A: Tensor) -> Tensor:
    """The determinant of each matrix; its gradient, the matrix of cofactors, also where that is singular."""
    a = _square(A, "det")
    return record(np.linalg.det(a.array), (a,), _det_gradient, a)


def _det_gradient(dy, needs, a):
    # With A = U S V^T, the cofactors are det(U) det(V^T) U C V^T, C the products of all the other singular values.
    u, s, vt = np.linalg.svd(a)
    others = np.where(np.eye(a.shape[-1], dtype=bool), 1, s[..., None, :]).prod(axis=-1)
    sign = np.linalg.det(u) * np.linalg.det(vt)
    return (((dy * sign)[..., None, None] * (u * others[..., None, :]) @ vt).astype(a.dtype, copy=False),)


def inv(A: Tensor) -> Tensor:
    """The inverse of each matrix; numpy.linalg.LinAlgError if one is singular. To solve a system, use solve."""
    a = _square(A, "inv")
    return record(np.linalg.inv(a.array), (a,), _inv_gradient, OUTPUT)


def _inv_gradient(dy, needs, y):
    return (-backend.matmul(backend.matmul(_t(y), dy), _t(y)),)


def inverse(input: Tensor) -> Tensor:
    """The inverse of each matrix: linalg.inv."""
    return inv(input)


def solve(A: Tensor, B: Tensor) -> Tensor:
    """X with A X = B, for any invertible A.

    Parameters
    ----------
    A : Tensor, shape (..., n, n)
    B : Tensor, shape (..., n, r); or (n,), or A.shape[:-1], for one right-hand side each

    Raises
    ------
    numpy.linalg.LinAlgError
        If a matrix is singular.
    RuntimeError
        If shapes do not fit or dtypes differ.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.linalg.solve(fs.tensor([[0.0, 2.0], [1.0, 0.0]]), fs.tensor([4.0, 3.0]))
    tensor([3., 2.])
    """
    a, b = _square(A, "solve"), need_tensor(B, "solve")
    if a.dtype != b.dtype:
        raise RuntimeError(f"solve: A is {a.dtype}, B is {b.dtype}")
    vector = b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1])
    rhs = b.array[..., None] if vector else b.array
    if rhs.shape[-2] != a.shape[-1]:
        raise RuntimeError(f"solve: B of shape {b.shape} does not fit A of shape {a.shape}")
    x = np.linalg.solve(a.array, rhs)
    return record(x[..., 0] if vector else x, (a, b), _solve_gradient, a, OUTPUT, b.shape, vector)


def _solve_gradient(dy, needs, a, x, b_shape, vector):
    if vector:
        dy, x = dy[..., None], x[..., None]
    g = np.linalg.solve(_t(a), dy)
    da = sum_to(-backend.matmul(g, _t(x)), a.shape) if needs[0] else None
    return da, sum_to(g[..., 0] if vector else g, b_shape) if needs[1] else None


def norm(A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The p-norm of vectors, (sum |x|^p)^(1/p), or the Frobenius norm.

    Parameters
    ----------
    A : Tensor
    ord : None, "fro", or a number p > 0, inf or -inf
        None is 2, over all axes in dim.
    dim : int, tuple of int, or None for all
    keepdim : bool

    Raises
    ------
    NotImplementedError
        For the norms of matrices other than "fro".
    RuntimeError
        If A is not floating, or ord is none of these.

    Notes
    -----
    Where the norm is 0 its gradient is taken to be 0. Of several largest elements, under inf, each gets its share.
    """
    x = need_tensor(A, "norm")
    if x.dtype.kind != "f":
        raise RuntimeError(f"norm: expected a floating dtype, got {x.dtype}")
    axes = axes_of(dim, x.ndim, "norm")
    matrix = len(axes) == 2 and (dim is not None or x.ndim == 2)
    if ord == "nuc" or (matrix and ord is not None and ord != "fro"):
        raise NotImplementedError(f"norm: of matrices only the Frobenius norm is supported, got ord={ord!r}")
    p = 2.0 if ord in (None, "fro") else ord
    if isinstance(p, str) or not (p > 0 or p == -np.inf):
        raise RuntimeError(f"norm: ord must be 'fro', a positive number, inf or -inf, got {ord!r}")
    with quietly():
        y = _p_norm(np.abs(x.array), float(p), axes)
    return record(y if keepdim else y.squeeze(axes), (x,), _norm_gradient, x, OUTPUT, float(p), axes)


def _p_norm(size: Array, p: float, axes: tuple[int, ...]) -> Array:
    if np.isinf(p):
        return (np.max if p > 0 else np.min)(size, axis=axes, keepdims=True)
    if p == 2:
        return np.sqrt(np.square(size).sum(axis=axes, keepdims=True))
    powers = size if p == 1 else size ** size.dtype.type(p)
    total = powers.sum(axis=axes, keepdims=True)
    return total if p == 1 else total ** size.dtype.type(1 / p)


def _norm_gradient(dy, needs, x, y, p, axes):
    kept = [1 if i in axes else s for i, s in enumerate(x.shape)]
    dy, y = dy.reshape(kept), y.reshape(kept)
    with quietly():
        if np.isinf(p):
            chosen = np.abs(x) == y
            share = dy / chosen.sum(axis=axes, keepdims=True, dtype=x.dtype)
            return (np.where(chosen, share * np.sign(x), x.dtype.type(0)),)
        direction = x / y if p == 2 else np.sign(x) * (np.abs(x) / y) ** x.dtype.type(p - 1)
        return (dy * np.where(y == 0, x.dtype.type(0), direction),)


for _function in (cholesky_solve, det, inverse, logdet, slogdet):
    method(_function)
