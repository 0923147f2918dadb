"""Matrix products, their gradients, and the linear layer."""

import math
from typing import Any

import numpy as np

from ..bounds import bounded
from ..broadcast import sum_to
from ..order import gives, rows
from .activation import relu_backward, relu_forward, sigmoid_backward, sigmoid_forward, tanh_backward, tanh_forward

Array = np.ndarray[Any, Any]

_ACTIVATIONS = {
    "relu": (relu_forward, relu_backward),
    "tanh": (tanh_forward, tanh_backward),
    "sigmoid": (sigmoid_forward, sigmoid_backward),
}


def _before_activation(dy: Array, y: Any, activation: str | None) -> Array:
    """The gradient of what the activation was given, from its value."""
    return dy if activation is None else _ACTIVATIONS[activation][1](dy, y)


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


def _linear_bound(
    eps: float, y: Array, x: Array, w: Array, b: Array | None = None, activation: str | None = None
) -> Array:
    """That of the product, which no activation makes larger (none is steeper than 1), and 4 ULPs for tanh and sigmoid."""
    product = (x.shape[-1] + 3) * eps * linear_forward(np.abs(x), np.abs(w), None if b is None else np.abs(b))
    return product if activation in (None, "relu") else product + 8 * eps * (np.abs(y) + product)


def _linear_backward_bound(
    eps: float,
    gradients: Any,
    dy: Array,
    x: Array,
    w: Array,
    need_x: bool,
    need_w: bool,
    need_b: bool,
    y: Any = None,
    activation: str | None = None,
) -> Any:
    """Each term of a sum loses a rounding in the sum and at most 4 eps in what the activation does to dy."""
    size = np.abs(dy * (1 + y * y) if activation == "tanh" else _before_activation(dy, y, activation))
    dx, dw, db = linear_backward(size, np.abs(x), np.abs(w), need_x, need_w, need_b)
    rows = math.prod(dy.shape[:-1])
    return (
        None if dx is None else (dy.shape[-1] + 7) * eps * dx,
        None if dw is None else (rows + 7) * eps * dw,
        None if db is None else (rows + 7) * eps * db,
    )


@bounded(_matmul_bound)
@gives(rows)
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
@gives(rows)
def linear_forward(x: Array, w: Array, b: Array | None = None, activation: str | None = None) -> Array:
    """y = f(x wT + b) for x (..., in), w (out, in), b (out); f is None, "relu", "tanh" or "sigmoid"."""
    if activation is not None and activation not in _ACTIVATIONS:
        raise ValueError(f'linear: the activation must be None, "relu", "tanh" or "sigmoid", got {activation!r}')
    z = np.matmul(x, w.T)
    z = z if b is None else z + b
    return z if activation is None else _ACTIVATIONS[activation][0](z)


@bounded(_linear_backward_bound)
def linear_backward(
    dy: Array,
    x: Array,
    w: Array,
    need_x: bool,
    need_w: bool,
    need_b: bool,
    y: Any = None,
    activation: str | None = None,
) -> tuple[Array | None, Array | None, Array | None]:
    """With dz = dy f'(z), from y = f(z): dx = dz w, dw = dzT x, db = the sum of dz over all rows."""
    dz = _before_activation(dy, y, activation)
    rows = _rows(dz)
    dx = np.matmul(dz, w) if need_x else None
    dw = np.matmul(rows.T, _rows(x)) if need_w else None
    db = rows.sum(axis=0) if need_b else None
    return dx, dw, db
