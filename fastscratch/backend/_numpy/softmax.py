"""Softmax, log-softmax and log-sum-exp along an axis, shifted by the largest element so that nothing overflows."""

from typing import Any

import numpy as np

from ..bounds import bounded
from ..order import gives, in_order_of, rows

Array = np.ndarray[Any, Any]


def _shift(x: Array, axis: int) -> Array:
    """The largest element of each line, NaN if there is one; -inf where there is none."""
    return x.max(axis=axis, keepdims=True, initial=-np.inf)


def _exp_error(x: Array, axis: int) -> tuple[Array, Array]:
    """In eps and relative: the error of exp(x - m), for m and the difference were rounded; and of its sum over the line."""
    with np.errstate(all="ignore"):
        away = np.abs(x - _shift(x, axis))
        p = softmax_forward(x, axis)
        mean_away = np.where(p > 0, p * away, 0).sum(axis=axis, keepdims=True)
    return away + 4, mean_away + x.shape[axis] + 4


def _softmax_bound(eps: float, y: Array, x: Array, axis: int) -> Array:
    each, total = _exp_error(np.atleast_1d(x), axis)
    return (eps * np.abs(y) * (each + total)).reshape(y.shape)


def _softmax_backward_bound(eps: float, dx: Array, dy: Array, y: Array, axis: int) -> Array:
    y1, dy1 = np.atleast_1d(y, dy)
    size = np.abs(y1 * dy1).sum(axis=axis, keepdims=True)
    return (eps * np.abs(y1) * (3 * np.abs(dy1) + (y1.shape[axis] + 4) * size)).reshape(y.shape)


def _log_softmax_bound(eps: float, y: Array, x: Array, axis: int) -> Array:
    x1 = np.atleast_1d(x)
    each, total = _exp_error(x1, axis)
    return eps * ((each + total + 2 * np.log(x1.shape[axis] or 1)).reshape(y.shape) + np.abs(y))


def _log_softmax_backward_bound(eps: float, dx: Array, dy: Array, y: Array, axis: int) -> Array:
    y1, dy1 = np.atleast_1d(y, dy)
    size = np.abs(dy1).sum(axis=axis, keepdims=True)
    return (eps * (2 * np.abs(dy1) + (y1.shape[axis] + 6) * np.exp(y1) * size)).reshape(y.shape)


def _logsumexp_bound(eps: float, y: Array, x: Array, axis: int) -> Array:
    x1 = np.atleast_1d(x)
    total = _exp_error(x1, axis)[1]
    return eps * (total.reshape(y.shape) + 2 * np.log(x1.shape[axis] or 1) + np.abs(y))


def _logsumexp_backward_bound(eps: float, dx: Array, dy: Array, x: Array, y: Array, axis: int) -> Array:
    return eps * np.abs(dx) * (6 + np.abs(x - np.expand_dims(y, axis) if x.ndim else x - y))


@bounded(_softmax_bound)
@gives(in_order_of)
def softmax_forward(x: Array, axis: int) -> Array:
    """exp(x - m) / sum exp(x - m), m the largest of the line."""
    x1 = np.atleast_1d(x)
    with np.errstate(all="ignore"):
        e = np.exp(x1 - _shift(x1, axis))
        return np.asarray(e / e.sum(axis=axis, keepdims=True)).reshape(x.shape)


@bounded(_softmax_backward_bound)
def softmax_backward(dy: Array, y: Array, axis: int) -> Array:
    """y (dy - sum(dy y))."""
    y1, dy1 = np.atleast_1d(y, dy)
    with np.errstate(all="ignore"):
        return np.asarray(y1 * (dy1 - (dy1 * y1).sum(axis=axis, keepdims=True))).reshape(y.shape)


@bounded(_log_softmax_bound)
@gives(in_order_of)
def log_softmax_forward(x: Array, axis: int) -> Array:
    """x - m - log sum exp(x - m)."""
    x1 = np.atleast_1d(x)
    with np.errstate(all="ignore"):
        z = x1 - _shift(x1, axis)
        return np.asarray(z - np.log(np.exp(z).sum(axis=axis, keepdims=True))).reshape(x.shape)


@bounded(_log_softmax_backward_bound)
def log_softmax_backward(dy: Array, y: Array, axis: int) -> Array:
    """dy - exp(y) sum(dy)."""
    y1, dy1 = np.atleast_1d(y, dy)
    with np.errstate(all="ignore"):
        return np.asarray(dy1 - np.exp(y1) * dy1.sum(axis=axis, keepdims=True)).reshape(y.shape)


@bounded(_logsumexp_bound)
@gives(rows)
def logsumexp_forward(x: Array, axis: int) -> Array:
    """m + log sum exp(x - m), the axis gone; m is taken as 0 where it is infinite."""
    x1 = np.atleast_1d(x)
    with np.errstate(all="ignore"):
        m = _shift(x1, axis)
        m = np.where(np.isinf(m), 0, m)
        y = np.log(np.exp(x1 - m).sum(axis=axis, keepdims=True)) + m
    return np.asarray(y.squeeze(axis))


@bounded(_logsumexp_backward_bound)
def logsumexp_backward(dy: Array, x: Array, y: Array, axis: int) -> Array:
    """dy exp(x - y)."""
    dy1, y1 = (dy, y) if x.ndim == 0 else (np.expand_dims(dy, axis), np.expand_dims(y, axis))
    with np.errstate(all="ignore"):
        return np.asarray(dy1 * np.exp(x - y1))
