"""Cross entropy of rows of scores with class labels.

With q_c = weight_c (smoothing / n + (1 - smoothing) [c = label]) and lse = log sum exp(x), the loss of a row is
sum_c q_c (lse - x_c), and its gradient sum(q) softmax(x)_c - q_c.
"""

from typing import Any

import numpy as np

from ..bounds import bounded

Array = np.ndarray[Any, Any]


def _check(x: Array, target: Array, weight: Array | None, ignore_index: int, kernel: str) -> None:
    if x.ndim != 2:
        raise ValueError(f"{kernel}: x must have shape (rows, classes), got {x.shape}")
    if target.shape != x.shape[:1]:
        raise ValueError(f"{kernel}: target must have shape ({x.shape[0]},), got {target.shape}")
    if weight is not None and weight.shape != x.shape[1:]:
        raise ValueError(f"{kernel}: weight must have shape ({x.shape[1]},), got {weight.shape}")
    wrong = target[(target != ignore_index) & ((target < 0) | (target >= x.shape[1]))]
    if wrong.size:
        raise IndexError(f"{kernel}: label {wrong[0]} is out of range for {x.shape[1]} classes")


def _shares(x: Array, target: Array, weight: Array | None, ignore_index: int, smoothing: float) -> Array:
    """q: how much each class of each row weighs in the loss; 0 where the label is ignored."""
    q = np.full(x.shape, smoothing / max(1, x.shape[1]), x.dtype)
    counted = np.flatnonzero(target != ignore_index)
    q[counted, target[counted]] += 1 - smoothing
    q[target == ignore_index] = 0
    return q if weight is None else q * weight


def _forward_bound(
    eps: float, y: Any, x: Array, target: Array, weight: Array | None, ignore_index: int, label_smoothing: float
) -> Any:
    with np.errstate(all="ignore"):
        q = np.abs(_shares(x, target, weight, ignore_index, label_smoothing))
        m = x.max(axis=1, keepdims=True, initial=-np.inf)
        lse = y[1][:, None]
        p = np.exp(x - lse)
        # In eps, the error of log sum exp(x - m): that of the sum, relative, and of the logarithm, at most log n.
        log_sum = np.where(p > 0, p * np.abs(x - m), 0).sum(axis=1) + x.shape[1] + 6 + 2 * np.log(x.shape[1] or 1)
        size = np.where(q > 0, q * (np.abs(lse - x) * (x.shape[1] + 8) + np.abs(x - m)), 0).sum(axis=1)
        counted = target != ignore_index
        loss = np.where(counted, eps * (q.sum(axis=1) * log_sum + size), 0)
        total = np.where(np.isnan(y[0]), 0, loss).sum() + x.shape[0] * eps * np.abs(y[0]).sum()
        # In float64 the twin rounds its logarithm too, when the largest is added: half an ULP each.
        lse_bound = np.where(counted, eps * (log_sum + 2 * np.abs(y[1])), 0)
        return loss, lse_bound, total, eps * x.shape[0] * abs(y[3])


def _backward_bound(
    eps: float, dx: Array, dy: Array, x: Array, lse: Array, target: Array, weight: Array | None, ignore_index: int,
    label_smoothing: float,
) -> Array:  # fmt: skip
    with np.errstate(all="ignore"):
        q = np.abs(_shares(x, target, weight, ignore_index, label_smoothing))
        away = np.abs(x - lse[:, None])
        p = np.exp(x - lse[:, None])
        size = np.where(p > 0, p * (away + x.shape[1] + 10), 0) * q.sum(axis=1, keepdims=True) + 6 * q
        return eps * np.abs(np.broadcast_to(dy, target.shape))[:, None] * size


@bounded(_forward_bound)
def cross_entropy_forward(
    x: Array, target: Array, weight: Array | None, ignore_index: int, label_smoothing: float
) -> tuple[Array, Array, float, float]:
    """Of each row the loss and log sum exp(x), 0 where the label is ignored; the sum of the losses, and of the labels'
    weights."""
    _check(x, target, weight, ignore_index, "cross_entropy")
    counted = target != ignore_index
    with np.errstate(all="ignore"):
        m = x.max(axis=1, keepdims=True, initial=-np.inf)
        log_sum = np.log(np.exp(x - m).sum(axis=1, keepdims=True))
        q = _shares(x, target, weight, ignore_index, label_smoothing)
        loss = np.where(q != 0, q * ((m - x) + log_sum), 0).sum(axis=1)
        lse = np.where(counted, (m + log_sum)[:, 0], 0)
    kept = target[counted]
    count = float(kept.size) if weight is None else float(weight[kept].sum(dtype=np.float64))
    return loss, lse.astype(x.dtype), float(loss.sum(dtype=np.float64)), count


@bounded(_backward_bound)
def cross_entropy_backward(
    dy: Array, x: Array, lse: Array, target: Array, weight: Array | None, ignore_index: int, label_smoothing: float
) -> Array:
    """dy (sum(q) exp(x - lse) - q), dy one number or one for each row; 0 where the label is ignored."""
    _check(x, target, weight, ignore_index, "cross_entropy_backward")
    q = _shares(x, target, weight, ignore_index, label_smoothing)
    with np.errstate(all="ignore"):
        dx = np.expand_dims(np.broadcast_to(dy, target.shape), 1) * (
            q.sum(axis=1, keepdims=True) * np.exp(x - lse[:, None]) - q
        )
    dx[target == ignore_index] = 0
    return dx
