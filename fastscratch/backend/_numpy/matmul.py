"""Matrix products, their gradients, and the linear layer."""

import math
from typing import Any

import numpy as np

from ..bounds import bounded
from ..broadcast import sum_to

Array = np.ndarray[Any, Any]


def _rows(x: Array) -> Array:
    """x with all axes but the last made one."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _product_bound(a: Array, b: Array, eps: float, terms: int) -> Array:
    """Each of the `terms` products of a sum loses at most one rounding: |error| <= terms eps |A||B|."""
    return (terms + 2) * eps * np.matmul(np.abs(a), np.abs(b))


def _matmul_bound(eps: float, y: Array, a: Array, b: Array) -> Array:
    return _product_bound(a, b, eps, a.shape[-1])


def _matmul_backward_bound(eps: float, y: Any, dy: Array, a: Array, b: Array, need_a: bool, need_b: bool) -> Any:
    terms = dy.size // max(1, dy.shape[-1] * dy.shape[-2]) * max(dy.shape[-2:])
    da, db = matmul_backward(np.abs(dy), np.abs(a), np.abs(b), need_a, need_b)
    allowed = (terms + 2) * eps
    return (None if da is None else allowed * da, None if db is None else allowed * db)


def _linear_bound(eps: float, y: Array, x: Array, w: Array, b: Array | None = None) -> Array:
    size = linear_forward(np.abs(x), np.abs(w), None if b is None else np.abs(b))
    return (x.shape[-1] + 3) * eps * size


def _linear_backward_bound(
    eps: float, y: Any, dy: Array, x: Array, w: Array, need_x: bool, need_w: bool, need_b: bool
) -> Any:
    dx, dw, db = linear_backward(np.abs(dy), np.abs(x), np.abs(w), need_x, need_w, need_b)
    rows = math.prod(dy.shape[:-1])
    return (
        None if dx is None else (dy.shape[-1] + 2) * eps * dx,
        None if dw is None else (rows + 2) * eps * dw,
        None if db is None else (rows + 2) * eps * db,
    )


@bounded(_matmul_bound)
def matmul(a: Array, b: Array) -> Array:
    """(..., m, k) and (..., k, n) -> (..., m, n); the leading axes broadcast."""
    return np.matmul(a, b)


@bounded(_matmul_backward_bound)
def matmul_backward(dy: Array, a: Array, b: Array, need_a: bool, need_b: bool) -> tuple[Array | None, Array | None]:
    """da = dy bT and db = aT dy, summed over what was broadcast."""
    da = sum_to(np.matmul(dy, b.swapaxes(-1, -2)), a.shape) if need_a else None
    db = sum_to(np.matmul(a.swapaxes(-1, -2), dy), b.shape) if need_b else None
    return da, db


@bounded(_linear_bound)
def linear_forward(x: Array, w: Array, b: Array | None = None) -> Array:
    """y = x wT + b for x (..., in), w (out, in), b (out)."""
    y = np.matmul(x, w.T)
    return y if b is None else y + b


@bounded(_linear_backward_bound)
def linear_backward(
    dy: Array, x: Array, w: Array, need_x: bool, need_w: bool, need_b: bool
) -> tuple[Array | None, Array | None, Array | None]:
    """dx = dy w, dw = dyT x, db = the sum of dy over all rows."""
    rows = _rows(dy)
    dx = np.matmul(dy, w) if need_x else None
    dw = np.matmul(rows.T, _rows(x)) if need_w else None
    db = rows.sum(axis=0) if need_b else None
    return dx, dw, db
