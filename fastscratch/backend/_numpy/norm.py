"""Batch norm and layer norm.

Mean and variance are the corrected two-pass ones: deviations from a first mean, and what their own mean says about its
error (T. Chan, G. Golub and R. LeVeque, The American Statistician 37(3), 1983).
"""

from typing import Any

import numpy as np

from ..bounds import bounded
from ..order import gives, images, rows

Array = np.ndarray[Any, Any]


def _moments(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """Mean and biased variance over some axes, which stay with size 1."""
    count = x.dtype.type(np.prod([x.shape[a] for a in axes]))
    with np.errstate(all="ignore"):
        first = x.sum(axis=axes, keepdims=True) / count
        shift = (x - first).sum(axis=axes, keepdims=True) / count
        mean = first + shift
        var = np.square(x - mean).sum(axis=axes, keepdims=True) / count
    return mean, var


def _normalised(
    x: Array, mean: Array, rstd: Array, weight: Array | None, bias: Array | None, relu: bool = False
) -> Array:
    with np.errstate(all="ignore"):
        y = (x - mean) * rstd
        if weight is not None:
            y = y * weight
        if bias is not None:
            y = y + bias
        return np.maximum(y, 0) if relu else y


def _rstd(var: Array, eps: float) -> Array:
    with np.errstate(all="ignore"):
        return 1 / np.sqrt(var + var.dtype.type(eps))


# ---- bounds ----


def _moment_bounds(unit: float, x: Array, mean: Array, axes: tuple[int, ...], terms: float) -> tuple[Array, Array]:
    """Errors allowed in mean and variance: see csrc/prototypes.h, norm.c."""
    spread = np.abs(x - mean).mean(axis=axes, keepdims=True)
    size = np.abs(x).mean(axis=axes, keepdims=True)
    var = np.square(x - mean).mean(axis=axes, keepdims=True)
    lost = (terms * unit * size) ** 2
    return 2 * unit * np.abs(mean) + terms * unit * spread + terms * unit * np.sqrt(lost), terms * unit * var + lost


def _rstd_bound(unit: float, var: Array, var_error: Array, eps: float) -> Array:
    """What an error in the variance becomes, exactly, plus the roundings of the root and the quotient."""
    rstd = 1 / np.sqrt(var + eps)
    largest = 1 / np.sqrt(np.maximum(var - var_error, 0) + eps)
    return largest - rstd + 4 * unit * largest


def _output_bound(
    unit: float, x: Array, mean: Array, rstd: Array, errors: tuple[Array, Array], weight: Any, bias: Any
) -> Array:
    mean_error, rstd_error = errors
    size = 1.0 if weight is None else np.abs(weight)
    exact = np.abs(x - mean) * rstd * size + (0 if bias is None else np.abs(bias))
    return size * (np.abs(x - mean) * rstd_error + mean_error * (rstd + rstd_error)) + 6 * unit * exact


def _of_channels(x: Array, *vectors: Array | None) -> tuple[Any, ...]:
    """Vectors of one number per channel, shaped to broadcast against x (n, c, ...)."""
    shape = (1, -1) + (1,) * (x.ndim - 2)
    return tuple(None if v is None else v.reshape(shape) for v in vectors)


def _but_channels(x: Array) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _running_bound(
    unit: float, running: Array | None, batch: Array, batch_error: Array, momentum: float
) -> Array | None:
    if running is None:
        return None
    size = np.abs((1 - momentum) * running) + np.abs(momentum * batch)
    return abs(momentum) * batch_error + 4 * unit * size


def _batch_norm_bound(
    unit: float,
    y: Any,
    x: Array,
    weight: Array | None,
    bias: Array | None,
    running_mean: Array | None,
    running_var: Array | None,
    momentum: float,
    eps: float,
    relu: bool = False,
) -> Any:
    terms = min(128, x.size / x.shape[1]) + 16
    w, b, mean, var, rstd = _of_channels(x, weight, bias, *y[1:])
    mean_error, var_error = _moment_bounds(unit, x, mean, _but_channels(x), terms)
    var_error += 2 * unit * var
    rstd_error = _rstd_bound(unit, var, var_error, eps)
    out = _output_bound(unit, x, mean, rstd, (mean_error, rstd_error), w, b)
    errors = mean_error.ravel(), var_error.ravel(), rstd_error.ravel()
    unbiased = _unbiased(x)
    moved = _running_bound(unit, running_mean, y[1], errors[0], momentum)
    spread = _running_bound(unit, running_var, unbiased * y[2], unbiased * errors[1], momentum)
    return moved, spread, (out, *errors)


def _inference_bound(
    unit: float, y: Array, x: Array, weight: Any, bias: Any, mean: Array, var: Array, eps: float, relu: bool = False
) -> Any:
    w, b, mean, var = _of_channels(x, weight, bias, mean, var)
    rstd = 1 / np.sqrt(var + eps)
    return _output_bound(unit, x, mean, rstd, (np.zeros_like(mean), 4 * unit * rstd), w, b)


def _batch_norm_backward_bound(
    unit: float,
    y: Any,
    dy: Array,
    x: Array,
    weight: Array | None,
    bias: Array | None,
    mean: Array,
    rstd: Array,
    training: bool = True,
    relu: bool = False,
) -> Any:
    rows = x.size / max(1, x.shape[1])
    axes, terms = _but_channels(x), min(128, rows) + 20
    w, b, m, r = _of_channels(x, weight, bias, mean, rstd)
    size = np.abs(r) * (1 if w is None else np.abs(w))
    distance = np.abs(x - m)
    doubt = np.zeros_like(x)  # what dy may be off where rounding decides the sign of the forward result
    if relu:
        room = 6 * unit * (distance * size + (0 if b is None else np.abs(b)))
        value = _normalised(x, m, r, w, b)
        doubt = np.where(np.abs(value) <= room, np.abs(dy), 0)
        dy = np.where(value <= -room, 0, dy)  # NaN lets dy pass
    sum_doubt = doubt.sum(axis=axes, keepdims=True)
    dot_doubt = (doubt * distance).sum(axis=axes, keepdims=True)
    sum_error = terms * unit * np.abs(dy).sum(axis=axes, keepdims=True) + sum_doubt
    dot_error = terms * unit * (np.abs(dy) * distance).sum(axis=axes, keepdims=True) + dot_doubt
    dx = size * (6 * unit * np.abs(dy) + doubt)
    if training:
        dx = dx + (1 + 6 / terms) * size * (sum_error + distance * np.square(r) * dot_error) / rows
    return dx, np.abs(rstd) * dot_error.ravel(), sum_error.ravel()


def _layer_norm_bound(unit: float, y: Any, x: Array, weight: Array | None, bias: Array | None, eps: float) -> Any:
    mean, rstd = y[1][:, None], y[2][:, None]
    terms = x.shape[1] / 2 + 16
    mean_error, var_error = _moment_bounds(unit, x, mean, (1,), terms)
    var = np.square(x - mean).mean(axis=1, keepdims=True)
    mean_error, var_error = mean_error + terms * unit * np.sqrt(var), var_error + 2 * terms * unit * var
    rstd_error = _rstd_bound(unit, var, var_error + 2 * unit * (var + eps), eps)
    out = _output_bound(unit, x, mean, rstd, (mean_error, rstd_error), weight, bias)
    return out, mean_error.ravel(), rstd_error.ravel()


def _layer_norm_backward_bound(
    unit: float, y: Any, dy: Array, x: Array, weight: Array | None, mean: Array, rstd: Array
) -> Any:
    d, terms = max(1, x.shape[1]), x.shape[1] / 2 + 20
    r = np.abs(rstd)[:, None]
    g = np.abs(dy) * (1 if weight is None else np.abs(weight))
    h = np.abs(x - mean[:, None]) * r
    means = g.sum(axis=1, keepdims=True) / d + h * (g * h).sum(axis=1, keepdims=True) / d
    added = min(128, x.shape[0]) + 16
    dx = unit * r * (6 * g + (terms + 8) * means)
    return dx, added * unit * (np.abs(dy) * h).sum(axis=0), added * unit * np.abs(dy).sum(axis=0)


# ---- kernels ----


def _unbiased(x: Array) -> float:
    """How many times the biased variance the unbiased one is."""
    count = x.size // x.shape[1]
    return count / max(1, count - 1)


def _move_average(running: Array | None, batch: Array, momentum: float) -> None:
    if running is not None:
        running[...] = (1 - momentum) * running + momentum * batch


@bounded(_batch_norm_bound, inplace=(3, 4))
@gives(images)
def batch_norm_forward(
    x: Array,
    weight: Array | None,
    bias: Array | None,
    running_mean: Array | None,
    running_var: Array | None,
    momentum: float,
    eps: float,
    relu: bool = False,
) -> tuple[Array, ...]:
    """y, mean, biased var and rstd = 1 / sqrt(var + eps) of each channel of x (n, c, ...); with relu, max(y, 0).

    Then, in place, running = (1 - momentum) running + momentum batch of the mean and of the unbiased variance.
    """
    if x.size == 0:
        raise ValueError(f"batch_norm_forward: x is empty, shape {x.shape}")
    if running_var is not None and x.size < 2 * x.shape[1]:
        raise ValueError(f"batch_norm_forward: running_var needs 2 values per channel, got x of shape {x.shape}")
    mean, var = _moments(x, _but_channels(x))
    rstd = _rstd(var, eps)
    w, b = _of_channels(x, weight, bias)
    y = _normalised(x, mean, rstd, w, b, relu)
    _move_average(running_mean, mean.ravel(), momentum)
    _move_average(running_var, var.ravel() * _unbiased(x), momentum)
    return y, mean.ravel(), var.ravel(), rstd.ravel()


@bounded(_inference_bound)
@gives(images)
def batch_norm_inference(
    x: Array, weight: Array | None, bias: Array | None, mean: Array, var: Array, eps: float, relu: bool = False
) -> Array:
    """y = (x - mean) / sqrt(var + eps) * weight + bias, channel by channel; with relu, max(y, 0)."""
    w, b, m, r = _of_channels(x, weight, bias, mean, _rstd(var, eps))
    return _normalised(x, m, r, w, b, relu)


@bounded(_batch_norm_backward_bound)
def batch_norm_backward(
    dy: Array,
    x: Array,
    weight: Array | None,
    bias: Array | None,
    mean: Array,
    rstd: Array,
    training: bool = True,
    relu: bool = False,
) -> tuple[Array, Array, Array]:
    """With h = (x - mean) rstd: dx = rstd weight (dy - (db + h dw) / rows), dw = sum dy h, db = sum dy.

    Out of training, mean and rstd do not depend on x, and dx = rstd weight dy. With relu, dy counts as 0 where
    h weight + bias <= 0; bias is needed for that alone.
    """
    axes = _but_channels(x)
    w, b, m, r = _of_channels(x, weight, bias, mean, rstd)
    with np.errstate(all="ignore"):
        h = (x - m) * r
        if relu:
            dy = np.where(_normalised(x, m, r, w, b) <= 0, 0, dy)
        db = dy.sum(axis=axes, keepdims=True)
        dw = (dy * h).sum(axis=axes, keepdims=True)
        dx = (dy - (db + h * dw) / x.dtype.type(x.size / x.shape[1]) if training else dy) * r
        dx = dx if w is None else dx * w
    return dx, dw.ravel(), db.ravel()


@bounded(_layer_norm_bound)
@gives(rows)
def layer_norm_forward(x: Array, weight: Array | None, bias: Array | None, eps: float) -> tuple[Array, Array, Array]:
    """y, mean and rstd of each row of x (rows, d)."""
    mean, var = _moments(x, (1,))
    rstd = _rstd(var, eps)
    return _normalised(x, mean, rstd, weight, bias), mean.ravel(), rstd.ravel()


@bounded(_layer_norm_backward_bound)
def layer_norm_backward(
    dy: Array, x: Array, weight: Array | None, mean: Array, rstd: Array
) -> tuple[Array, Array, Array]:
    """With h = (x - mean) rstd, g = dy weight: dx = rstd (g - mean(g) - h mean(g h)), dw = sum dy h, db = sum dy."""
    r, d = rstd[:, None], x.dtype.type(x.shape[1])
    with np.errstate(all="ignore"):
        h = (x - mean[:, None]) * r
        g = dy if weight is None else dy * weight
        sums = g.sum(axis=1, keepdims=True), (g * h).sum(axis=1, keepdims=True)
        dx = r * (g - sums[0] / d - h * (sums[1] / d))
        return dx, (dy * h).sum(axis=0), dy.sum(axis=0)
