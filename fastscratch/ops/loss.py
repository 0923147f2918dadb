"""Losses: what training makes small. PyTorch's functions, without its deprecated size_average and reduce.

Every loss takes ``reduction``: "none" keeps one loss for each element or sample, "sum" adds them up, "mean" divides the sum
by their number (by the sum of the labels' weights where there are weights).
"""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import backend, dtypes
from ..quiet import quietly
from ..tensor import Tensor, record
from .activation import exp, softplus
from .arithmetic import sub
from .operands import floating, need_tensor
from .reduce import mean, sum
from .softmax import log_softmax

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "huber_loss", "kl_div", "l1_loss",
    "mse_loss", "nll_loss", "smooth_l1_loss",
]  # fmt: skip


def _check_reduction(reduction: str, *more: str) -> None:
    if reduction not in ("mean", "sum", "none") and reduction not in more:
        raise ValueError(f"{reduction!r} is not a valid value for reduction")


def _reduced(losses: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return losses
    return mean(losses) if reduction == "mean" else sum(losses)


# ---- of classes ----


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log softmax(input) at the target class, or its mean under target probabilities.

    loss_n = sum_c q_nc (log sum_k exp(input_nk) - input_nc) with q_nc = weight_c p_nc, where p is the target distribution,
    blended with the uniform one: p = (1 - label_smoothing) target + label_smoothing / C.

    Parameters
    ----------
    input : Tensor, shape (C,), (N, C) or (N, C, d1, ...)
        Scores, not probabilities.
    target : Tensor
        Classes in [0, C), integers, of input's shape without the C; or probabilities, floating, of input's shape.
    weight : Tensor, shape (C,), optional
        How much each class counts.
    ignore_index : int
        Samples of this class count for nothing, in the mean's divisor neither.
    reduction : {"mean", "sum", "none"}
        The mean over classes divides by the sum of the targets' weights, over probabilities by the number of samples.
    label_smoothing : float
        In [0, 1].

    Raises
    ------
    IndexError
        For a label out of range, before anything is computed; the message names it.
    ValueError, RuntimeError
        If shapes or dtypes do not fit.

    Notes
    -----
    One pass over the scores each way; no array of probabilities is stored. The mean of no samples is NaN.

    References
    ----------
    C. Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016, section 7 (label smoothing).

    Examples
    --------
    >>> import fastscratch as fs
    >>> from fastscratch.ops.loss import cross_entropy
    >>> cross_entropy(fs.tensor([[0.0, 0.0]]), fs.tensor([1]))
    tensor(0.6931)
    """
    x, t = _scores(input, "cross_entropy"), need_tensor(target, "cross_entropy")
    _check_reduction(reduction)
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"cross_entropy: label_smoothing must be between 0 and 1, got {label_smoothing}")
    if weight is not None:
        _check_weight(weight, x, "cross_entropy")
    if t.array.dtype.kind == "f":
        return _with_probabilities(x, t, weight, reduction, label_smoothing)
    labels = _labels(x, t, "cross_entropy")
    w = None if weight is None else weight.array
    options = int(ignore_index), float(label_smoothing)
    loss, lse, total, count = backend.cross_entropy_forward(_rows(x.array), labels, w, *options)
    if reduction == "none":
        y, divisor = loss.reshape(t.shape), None
    else:
        divisor = count if reduction == "mean" else 1.0
        y = np.array(total / divisor if divisor else math.nan, x.array.dtype)
    return record(y, (x,), _cross_entropy_gradient, x, lse, t, weight, *options, divisor)


def _cross_entropy_gradient(dy, needs, x, lse, target, w, ignore_index, smoothing, divisor):
    labels = _flat_labels(target)
    share = dy.reshape(-1) if divisor is None else backend.div(dy, divisor or math.nan)
    dx = backend.cross_entropy_backward(share, _rows(x), lse, labels, w, ignore_index, smoothing)
    if x.ndim == 2:
        return (dx,)
    axis = 1 if x.ndim > 1 else 0
    return (np.moveaxis(dx.reshape(np.moveaxis(x, axis, -1).shape), -1, axis),)


def _with_probabilities(x: Tensor, t: Tensor, weight: Tensor | None, reduction: str, smoothing: float) -> Tensor:
    if t.shape != x.shape:
        raise RuntimeError(
            f"cross_entropy: a floating target holds probabilities and must have input's shape {x.shape}, got {t.shape}"
        )
    axis = 1 if x.ndim > 1 else 0
    classes = x.shape[axis]
    p = t if smoothing == 0 else t * (1 - smoothing) + smoothing / classes
    if weight is not None:
        p = p * weight.reshape([classes if i == axis else 1 for i in range(x.ndim)])
    losses = -sum(log_softmax(x, axis) * p, axis)
    if reduction == "mean":
        return sum(losses) / (x.numel() // max(1, classes))
    return _reduced(losses, reduction)


def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """-weight[target] input[target]: the negative log likelihood, for an input of log-probabilities.

    Shapes, ignore_index, reductions and errors as for :func:`cross_entropy`.
    """
    x = _scores(input, "nll_loss")
    _check_reduction(reduction)
    _check_weight(weight, x, "nll_loss")
    labels = _labels(x, need_tensor(target, "nll_loss"), "nll_loss")
    rows = _rows(x.array)
    counted = labels != ignore_index
    wrong = labels[counted & ((labels < 0) | (labels >= rows.shape[1]))]
    if wrong.size:
        raise IndexError(f"nll_loss: label {wrong[0]} is out of range for {rows.shape[1]} classes")
    chosen = np.flatnonzero(counted), labels[counted]
    share = np.ones(len(chosen[0]), x.dtype) if weight is None else weight.array[chosen[1]]
    if reduction == "mean":
        with quietly():  # the mean of no samples is NaN
            share = share / share.sum()
    losses = np.zeros(labels.shape, x.dtype)
    losses[chosen[0]] = -share * rows[chosen]
    y = losses.reshape(target.shape) if reduction == "none" else losses.sum()
    if reduction == "mean" and not counted.any():
        y = np.asarray(math.nan, x.dtype)
    return record(y, (x,), _nll_gradient, x.shape, chosen, share)


def _nll_gradient(dy, needs, shape, chosen, share):
    axis = 1 if len(shape) > 1 else 0
    moved = (*shape[:axis], *shape[axis + 1 :], shape[axis])
    dx = np.zeros((math.prod(moved[:-1]), moved[-1]), dy.dtype)
    dx[chosen] = -share * (dy if dy.ndim == 0 else dy.reshape(-1)[chosen[0]])
    return (np.moveaxis(dx.reshape(moved), -1, axis),)


def _scores(input: Any, operation: str) -> Tensor:
    x = need_tensor(input, operation)
    if x.array.ndim == 0:
        raise RuntimeError(f"{operation}: input must have shape (C,), (N, C) or (N, C, d1, ...), got a scalar")
    if x.array.dtype.kind != "f":
        raise RuntimeError(f"{operation}: expected a floating input, got {x.dtype}")
    return x


def _rows(x: Any) -> Any:
    """Scores with the classes on the last of two axes."""
    if x.ndim <= 2:
        return x if x.ndim == 2 else x[None]
    return np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])


def _labels(x: Tensor, target: Tensor, operation: str) -> Any:
    """The labels as one run of int64, after a check of shape and dtype."""
    labels, shape = target.array, x.array.shape
    if len(shape) == 2 and labels.shape == shape[:1] and labels.dtype is dtypes.int64:
        return labels
    if labels.dtype.kind not in "iu":
        raise RuntimeError(f"{operation}: labels must be integers, got {labels.dtype}")
    expected = (*shape[:1], *shape[2:]) if len(shape) > 1 else ()
    if labels.shape != expected:
        error = ValueError if labels.shape[:1] != expected[:1] else RuntimeError
        raise error(f"{operation}: input {shape} needs labels of shape {expected}, got {labels.shape}")
    return _flat_labels(labels)


def _flat_labels(target: Any) -> Any:
    return target if target.ndim == 1 and target.dtype == dtypes.int64 else target.reshape(-1).astype(dtypes.int64)


def _check_weight(weight: Tensor | None, x: Tensor, operation: str) -> None:
    classes = x.shape[1 if x.ndim > 1 else 0]
    if weight is not None and (weight.shape != (classes,) or weight.dtype != x.dtype):
        raise RuntimeError(
            f"{operation}: weight must have shape ({classes},) and dtype {x.dtype}, got {weight.shape} and {weight.dtype}"
        )


# ---- of differences ----


def _of_difference(
    input: Tensor, target: Tensor, operation: str, reduction: str, value: Callable[..., Any], slope: Callable[..., Any]
) -> Tensor:
    """value(input - target), reduced; slope is the derivative of value."""
    x, t = need_tensor(input, operation), need_tensor(target, operation)
    _check_reduction(reduction)
    if x.shape != t.shape:
        warnings.warn(
            f"{operation}: input {x.shape} and target {t.shape} differ in shape and are broadcast, which is rarely meant",
            UserWarning,
            stacklevel=3,
        )
    with quietly():
        difference = floating(sub(x, t))
        losses = record(value(difference.array), (difference,), _difference_gradient, difference, slope)
    return _reduced(losses, reduction)


def _difference_gradient(dy, needs, difference, slope):
    with quietly():
        return (np.asarray(dy * slope(difference), dy.dtype),)


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """(input - target)^2."""
    return _of_difference(input, target, "mse_loss", reduction, lambda d: d * d, lambda d: 2 * d)


def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """|input - target|; the gradient where they are equal is 0."""
    return _of_difference(input, target, "l1_loss", reduction, np.abs, np.sign)


def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), for d = input - target.

    References
    ----------
    P. J. Huber, Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 35(1), 1964.
    """
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")

    def value(d: Any) -> Any:
        size = np.abs(d)
        return np.where(size <= delta, d * d / 2, delta * (size - delta / 2))

    return _of_difference(input, target, "huber_loss", reduction, value, lambda d: np.clip(d, -delta, delta))


def smooth_l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """d^2 / (2 beta) where |d| < beta, else |d| - beta / 2, for d = input - target; l1_loss for beta = 0."""
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)

    def value(d: Any) -> Any:
        size = np.abs(d)
        return np.where(size < beta, d * d / (2 * beta), size - beta / 2)

    return _of_difference(input, target, "smooth_l1_loss", reduction, value, lambda d: np.clip(d / beta, -1, 1))


# ---- of probabilities ----


def _same_shape(input: Any, target: Any, operation: str) -> tuple[Tensor, Tensor]:
    x, t = need_tensor(input, operation), need_tensor(target, operation)
    if x.shape != t.shape:
        raise ValueError(f"{operation}: target must have input's shape {x.shape}, got {t.shape}")
    if x.dtype.kind != "f" or x.dtype != t.dtype:
        raise RuntimeError(f"{operation}: input and target must be of one floating dtype, got {x.dtype} and {t.dtype}")
    return x, t


def _weighted(losses: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    return _reduced(losses if weight is None else losses * weight, reduction)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """-(target log(input) + (1 - target) log(1 - input)), logarithms held above -100.

    Parameters
    ----------
    input : Tensor
        Probabilities.
    target : Tensor, same shape
        In [0, 1].
    weight : Tensor, optional
        Broadcast; multiplies the losses.

    Raises
    ------
    ValueError
        If the shapes differ.
    RuntimeError
        If an element of input is outside [0, 1], or dtypes differ.

    Notes
    -----
    The gradient is (input - target) / max(input (1 - input), 1e-12), as in PyTorch. From scores,
    :func:`binary_cross_entropy_with_logits` is more accurate.
    """
    x, t = _same_shape(input, target, "binary_cross_entropy")
    _check_reduction(reduction)
    outside = (x.array < 0) | (x.array > 1)
    if outside.any():
        raise RuntimeError(f"binary_cross_entropy: input must lie in [0, 1], got {x.array[outside][0]}")
    low = x.dtype.type(-100)
    yes = np.maximum(backend.log_forward(x.array), low)
    no = np.maximum(backend.log1p_forward(-x.array), low)
    losses = record((t.array - 1) * no - t.array * yes, (x, t), _binary_gradient, x, t, no - yes)
    return _weighted(losses, weight, reduction)


def _binary_gradient(dy, needs, x, t, slope):
    dx = dy * (x - t) / np.maximum(x * (1 - x), x.dtype.type(1e-12)) if needs[0] else None
    return dx, dy * slope if needs[1] else None


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """binary_cross_entropy(sigmoid(input), target) without overflow or loss of digits.

    Parameters
    ----------
    input : Tensor
        Scores.
    target : Tensor, same shape
        In [0, 1].
    weight : Tensor, optional
        Broadcast; multiplies the losses.
    pos_weight : Tensor, optional
        Broadcast; multiplies the target's term: above 1 it costs more to miss a positive.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    x, t = _same_shape(input, target, "binary_cross_entropy_with_logits")
    _check_reduction(reduction)
    tail = softplus(-x, threshold=math.inf)  # -log sigmoid(x)
    if pos_weight is not None:
        tail = tail * (1 + (pos_weight - 1) * t)
    return _weighted((1 - t) * x + tail, weight, reduction)


def kl_div(input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """target (log(target) - input): the Kullback-Leibler divergence of an input of log-probabilities from target.

    Parameters
    ----------
    input : Tensor
        Log-probabilities.
    target : Tensor
        Probabilities; their logarithms with log_target.
    reduction : {"mean", "batchmean", "sum", "none"}
        "batchmean", the sum over the size of the first axis, is the divergence as mathematics has it.

    References
    ----------
    S. Kullback, R. A. Leibler, On Information and Sufficiency, Annals of Mathematical Statistics 22(1), 1951.
    """
    x, t = need_tensor(input, "kl_div"), need_tensor(target, "kl_div")
    _check_reduction(reduction, "batchmean")
    losses = exp(t) * (t - x) if log_target else _entropy(t) - t * x
    if reduction == "batchmean":
        return sum(losses) / max(1, x.shape[0] if x.ndim else 1)
    return _reduced(losses, reduction)


def _entropy(t: Tensor) -> Tensor:
    """t log t, 0 at 0."""
    logs = backend.log_forward(t.array)
    with quietly():
        return record(np.where(t.array == 0, 0, t.array * logs), (t,), _entropy_gradient, t, logs)


def _entropy_gradient(dy, needs, t, logs):
    return (np.where(t == 0, 0, dy * (logs + 1)),)
