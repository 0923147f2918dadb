"""Optimizer steps and gradient clipping: lists of arrays, changed in place."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..bounds import bounded

Array = np.ndarray[Any, Any]
Arrays = Sequence[Array]

# ---- what may be asked ----


def _need_one_type(arrays: Arrays, name: str) -> None:
    """All arrays are float32, or all float64."""
    for i, x in enumerate(arrays):
        if not isinstance(x, np.ndarray):
            raise TypeError(f"{name}[{i}] must be a NumPy array, got {type(x).__name__}")
        if x.dtype not in (np.float32, np.float64):
            raise TypeError(f"{name}[{i}] must be float32 or float64, got {x.dtype}")
        if x.dtype != arrays[0].dtype:
            raise TypeError(f"{name}[{i}] must be {arrays[0].dtype} like the other operands, got {x.dtype}")


def _need_match(arrays: Arrays, name: str, model: Arrays) -> None:
    """One array for each of the model's, of its type and shape."""
    if len(arrays) != len(model):
        raise ValueError(f"{name} must have {len(model)} arrays, one for each parameter, got {len(arrays)}")
    for i, (x, like) in enumerate(zip(arrays, model, strict=True)):
        if not isinstance(x, np.ndarray):
            raise TypeError(f"{name}[{i}] must be a NumPy array, got {type(x).__name__}")
        if x.dtype != like.dtype:
            raise TypeError(f"{name}[{i}] must be {like.dtype} like the other operands, got {x.dtype}")
        if x.shape != like.shape:
            raise ValueError(f"{name}[{i}] must have shape {like.shape}, got {x.shape}")


def _need_writable(arrays: Arrays, name: str) -> None:
    for i, x in enumerate(arrays):
        if not x.flags.writeable:
            raise ValueError(f"{name}[{i}] is read-only")


def _need(params: Arrays, grads: Arrays, **state: Arrays | None) -> None:
    """Parameters, gradients and state go together; nothing has been changed yet."""
    _need_one_type(params, "params")
    _need_writable(params, "params")
    _need_match(grads, "grads", params)
    for name, arrays in state.items():
        if arrays is not None:
            _need_match(arrays, name, params)
            _need_writable(arrays, name)


def _each(arrays: Arrays | None, count: int) -> Sequence[Array | None]:
    """A list that may be left out, as one that is there."""
    return [None] * count if arrays is None else arrays


def _direction(p: Array, g: Array, weight_decay: float, maximize: bool) -> Array:
    """The gradient to descend, weight decay included."""
    d = -g if maximize else g
    return d + weight_decay * p if weight_decay else d


# ---- bounds: roundings counted along the longest path, on magnitudes (u is the unit roundoff) ----


def _magnitude(p: Array, g: Array, weight_decay: float) -> Array:
    return np.abs(g) + weight_decay * np.abs(p) if weight_decay else np.abs(g)


def _quotient_error(u: float, x: Array, x_error: Array, y: Array, y_error: Array) -> Array:
    """How far a computed x / y may be off for y >= 0."""
    low = np.maximum(y - y_error, 0.0)
    error = x_error / low + x * (1 / low - 1 / y) + u * x / low
    return np.where(np.isnan(error), np.where(np.isinf(y), 0.0, np.inf), error)


def _root_error(x: Array, x_error: Array) -> Array:
    """How far the square root of a computed x >= 0 may be off, before its own rounding."""
    root = np.sqrt(x)
    return np.maximum(root - np.sqrt(np.maximum(x - x_error, 0.0)), np.sqrt(x + x_error) - root)


def _sgd_bound(
    u: float, y: Any, params: Arrays, grads: Arrays, buffers: Arrays | None,
    lr: float, momentum: float, dampening: float, weight_decay: float, nesterov: bool, maximize: bool,
) -> Any:  # fmt: skip
    in_p, in_b = [], []
    for p, g, b in zip(params, grads, _each(buffers, len(params)), strict=True):
        d = _magnitude(p, g, weight_decay)
        if b is not None:
            kept = momentum * np.abs(b) + abs(1 - dampening) * d
            in_b.append(8 * u * kept)
            d = d + momentum * kept if nesterov else kept
        in_p.append(14 * u * (np.abs(p) + lr * d))
    return [in_p, None if buffers is None else in_b]


def _rmsprop_bound(
    u: float, y: Any, params: Arrays, grads: Arrays, square_avgs: Arrays, grad_avgs: Arrays | None,
    buffers: Arrays | None, lr: float, alpha: float, eps: float, weight_decay: float, momentum: float, maximize: bool,
) -> Any:  # fmt: skip
    bounds: list[list[Array]] = [[], [], [], []]
    means, moving = _each(grad_avgs, len(params)), _each(buffers, len(params))
    for p, g, s, m, b in zip(params, grads, square_avgs, means, moving, strict=True):
        d, signed = _magnitude(p, g, weight_decay), _direction(p, g, weight_decay, maximize)
        square, square_error = alpha * s + (1 - alpha) * signed**2, 12 * u * (alpha * np.abs(s) + (1 - alpha) * d**2)
        bounds[1].append(square_error)
        if m is not None:
            mean = alpha * np.abs(m) + (1 - alpha) * d
            bounds[2].append(8 * u * mean)
            square = np.maximum(0, square - (alpha * m + (1 - alpha) * signed) ** 2)
            square_error = square_error + 20 * u * mean**2 + u * square
        root = np.sqrt(square)
        down = _quotient_error(u, d, 4 * u * d, root + eps, _root_error(square, square_error) + 4 * u * (root + eps))
        up = np.abs(signed) / (root + eps)
        if b is not None:
            down, up = down + 4 * u * (momentum * np.abs(b) + up), momentum * np.abs(b) + up
            bounds[3].append(down)
        bounds[0].append(lr * down + 4 * u * (np.abs(p) + lr * up))
    return [
        bounds[0],
        bounds[1],
        bounds[2] if grad_avgs is not None else None,
        bounds[3] if buffers is not None else None,
    ]


def _adam_bound(
    u: float, y: Any, params: Arrays, grads: Arrays, exp_avgs: Arrays, exp_avg_sqs: Arrays,
    max_exp_avg_sqs: Arrays | None, step: int, lr: float, beta1: float, beta2: float, eps: float, weight_decay: float,
    decoupled: bool, maximize: bool,
) -> Any:  # fmt: skip
    bounds: list[list[Array]] = [[], [], [], []]
    decay = 0.0 if decoupled else weight_decay
    step_size, root_scale = lr / (1 - beta1**step), 1 / math.sqrt(1 - beta2**step)
    largest = _each(max_exp_avg_sqs, len(params))
    for p, g, m, v, top in zip(params, grads, exp_avgs, exp_avg_sqs, largest, strict=True):
        d, signed = _magnitude(p, g, decay), _direction(p, g, decay, maximize)
        mean = beta1 * np.abs(m) + (1 - beta1) * d
        square, square_error = beta2 * v + (1 - beta2) * signed**2, 12 * u * (beta2 * np.abs(v) + (1 - beta2) * d**2)
        bounds[1].append(8 * u * mean)
        bounds[2].append(square_error)
        if top is not None:
            square = np.maximum(top, square)
            bounds[3].append(square_error)
        root = np.sqrt(square) * root_scale + eps
        root_error = root_scale * _root_error(square, square_error) + 5 * u * root
        down = step_size * _quotient_error(u, mean, 8 * u * mean, root, root_error)
        update = np.where(np.isinf(root), 0.0, step_size * mean / root)
        bounds[0].append(down + 6 * u * (np.abs(p) + update))
    return [bounds[0], bounds[1], bounds[2], None if max_exp_avg_sqs is None else bounds[3]]


def _grad_norm_bound(u: float, y: Any, grads: Arrays, ord: float) -> Any:
    """Squares are summed in double, whatever the type of the arrays."""
    return 0.0 if math.isinf(ord) else (sum(g.size for g in grads) + 2) * 2.0**-53 * y


def _scale_bound(u: float, y: Any, arrays: Arrays, factor: float) -> Any:
    return [[3 * u * np.abs(a * factor) for a in arrays]]


def _clip_bound(u: float, y: Any, arrays: Arrays, max_norm: float, ord: float, finite_only: bool) -> Any:
    """As scaling, by a factor that is off by what the norm is off."""
    off = _grad_norm_bound(u, 1.0, arrays, ord) + 4 * 2.0**-53
    return [[(3 * u + off) * np.abs(a) for a in arrays], _grad_norm_bound(u, y, arrays, ord)]


def _zero_bound(u: float, y: Any, arrays: Arrays) -> Any:
    return 0.0


def _clamp_bound(u: float, y: Any, arrays: Arrays, value: float) -> Any:
    return [[np.full(a.shape, u * abs(value)) for a in arrays]]


# ---- the twins ----


@bounded(_sgd_bound, inplace=(0, 2))
@np.errstate(all="ignore")  # NaN and infinities are results like any other
def sgd_step(
    params: Arrays, grads: Arrays, buffers: Arrays | None,
    lr: float, momentum: float, dampening: float, weight_decay: float, nesterov: bool, maximize: bool,
) -> None:  # fmt: skip
    """b = momentum b + (1 - dampening) d and p -= lr b (Nesterov: d + momentum b; without momentum: d), d = g + decay p."""
    _need(params, grads, buffers=buffers)
    for p, g, b in zip(params, grads, _each(buffers, len(params)), strict=True):
        d = _direction(p, g, weight_decay, maximize)
        if b is not None:
            b[...] = momentum * b + (1 - dampening) * d
            d = d + momentum * b if nesterov else b
        p[...] -= lr * d


@bounded(_rmsprop_bound, inplace=(0, 2, 3, 4))
@np.errstate(all="ignore")  # NaN and infinities are results like any other
def rmsprop_step(
    params: Arrays, grads: Arrays, square_avgs: Arrays, grad_avgs: Arrays | None, buffers: Arrays | None,
    lr: float, alpha: float, eps: float, weight_decay: float, momentum: float, maximize: bool,
) -> None:  # fmt: skip
    """s = alpha s + (1 - alpha) d^2 and p -= lr d / (sqrt(s) + eps), where centered subtracts the mean's square from s."""
    _need(params, grads, square_avgs=square_avgs, grad_avgs=grad_avgs, buffers=buffers)
    means, moving = _each(grad_avgs, len(params)), _each(buffers, len(params))
    for p, g, s, m, b in zip(params, grads, square_avgs, means, moving, strict=True):
        d = _direction(p, g, weight_decay, maximize)
        s[...] = alpha * s + (1 - alpha) * d * d
        variance = s
        if m is not None:
            m[...] = alpha * m + (1 - alpha) * d
            variance = np.maximum(0, s - m * m)  # rounding must not make it negative
        update = d / (np.sqrt(variance) + eps)
        if b is not None:
            b[...] = momentum * b + update
            update = b
        p[...] -= lr * update


@bounded(_adam_bound, inplace=(0, 2, 3, 4))
@np.errstate(all="ignore")  # NaN and infinities are results like any other
def adam_step(
    params: Arrays, grads: Arrays, exp_avgs: Arrays, exp_avg_sqs: Arrays, max_exp_avg_sqs: Arrays | None, step: int,
    lr: float, beta1: float, beta2: float, eps: float, weight_decay: float, decoupled: bool, maximize: bool,
) -> None:  # fmt: skip
    """m and v are running means of d and d^2; p -= lr m^ / (sqrt(v^) + eps), both corrected for having started at zero."""
    _need(params, grads, exp_avgs=exp_avgs, exp_avg_sqs=exp_avg_sqs, max_exp_avg_sqs=max_exp_avg_sqs)
    if not step >= 1:
        raise ValueError(f"adam_step: step counts from 1, got {step}")
    step_size, root_scale = lr / (1 - beta1**step), 1 / math.sqrt(1 - beta2**step)
    largest = _each(max_exp_avg_sqs, len(params))
    for p, g, m, v, top in zip(params, grads, exp_avgs, exp_avg_sqs, largest, strict=True):
        d = _direction(p, g, 0.0 if decoupled else weight_decay, maximize)
        m[...] = beta1 * m + (1 - beta1) * d
        v[...] = beta2 * v + (1 - beta2) * d * d
        if top is not None:
            top[...] = np.maximum(top, v)
        root = np.sqrt(v if top is None else top) * root_scale + eps
        if decoupled and weight_decay:
            p[...] *= 1 - lr * weight_decay
        p[...] -= step_size * (m / root)


@bounded(_grad_norm_bound)
@np.errstate(all="ignore")  # NaN and infinities are results like any other
def grad_norm(grads: Arrays, ord: float) -> float:
    """The 2-norm of all elements together, summed in double, or with ord = inf the largest magnitude."""
    if ord not in (2, math.inf):
        raise ValueError(f"grad_norm: ord must be 2 or inf, got {ord}")
    _need_one_type(grads, "grads")
    if ord == 2:
        return math.sqrt(math.fsum(float(np.sum(np.square(g, dtype=np.float64))) for g in grads))
    return float(np.max([0.0, *(np.max(np.abs(g)) for g in grads if g.size)]))


@bounded(_scale_bound, inplace=(0,))
@np.errstate(all="ignore")  # NaN and infinities are results like any other
def scale_arrays(arrays: Arrays, factor: float) -> None:
    """a *= factor, for each."""
    _need_one_type(arrays, "arrays")
    _need_writable(arrays, "arrays")
    for a in arrays:
        a[...] *= factor


@bounded(_clamp_bound, inplace=(0,))
def clamp_arrays(arrays: Arrays, value: float) -> None:
    """Every element into [-value, value]; NaN stays."""
    _need_one_type(arrays, "arrays")
    _need_writable(arrays, "arrays")
    for a in arrays:
        np.clip(a, -value, value, out=a)


@bounded(_clip_bound, inplace=(0,))
def clip_norm(arrays: Arrays, max_norm: float, ord: float, finite_only: bool) -> float:
    """The norm, and a *= max_norm / (norm + 1e-6) where that is not at least 1; a norm that is not finite may forbid it."""
    _need_writable(arrays, "arrays")
    norm: float = grad_norm(arrays, ord)
    factor = max_norm / (norm + 1e-6)
    if not factor >= 1 and not (finite_only and not math.isfinite(norm)):
        scale_arrays(arrays, factor)
    return norm


@bounded(_zero_bound, inplace=(0,))
def zero_arrays(arrays: Arrays) -> None:
    """a = 0, for each."""
    _need_one_type(arrays, "arrays")
    _need_writable(arrays, "arrays")
    for a in arrays:
        a[...] = 0
