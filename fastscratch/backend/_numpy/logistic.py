"""Loss and gradient of a linear classifier with softmax."""

from typing import Any

import numpy as np

from ..bounds import bounded

Array = np.ndarray[Any, Any]


def _check(x: Array, w: Array, b: Array, label: Array, weight: Array | None) -> None:
    if (
        x.ndim != 2
        or w.ndim != 2
        or w.shape[1] != x.shape[1]
        or b.shape != w.shape[:1]
        or label.shape != x.shape[:1]
        or (weight is not None and weight.shape != x.shape[:1])
    ):
        shapes = [None if p is None else p.shape for p in (x, w, b, label, weight)]
        raise ValueError(
            "logistic_gradient: expected x (n, d), w (k, d), b (k,), label (n,) and weight (n,), got "
            "{}, {}, {}, {} and {}".format(*shapes)
        )
    wrong = label[(label < 0) | (label >= len(w))]
    if wrong.size:
        raise IndexError(f"logistic_gradient: label {wrong[0]} is out of range for {len(w)} classes")


def _log_softmax(x: Array, w: Array, b: Array) -> Array:
    z = x @ w.T + b
    z = z - z.max(axis=1, keepdims=True, initial=-np.inf)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def _bound(eps: float, y: Any, x: Array, w: Array, b: Array, label: Array, weight: Array | None) -> Any:
    """Errors of the scores, by Higham's (3.5), go through the softmax; those of the sums of rows are added."""
    (n, d), k = x.shape, len(w)
    with np.errstate(all="ignore"):
        s = np.ones((n, 1)) if weight is None else np.abs(weight)[:, None]
        score = eps * ((d + 4) * (np.abs(x) @ np.abs(w).T + np.abs(b))).max(axis=1, keepdims=True, initial=0)
        log_p = _log_softmax(x, w, b)
        p, q = np.exp(log_p), np.zeros((n, k))
        q[np.arange(n), label] = 1
        near = np.where(
            p > 0, p * np.expm1(2 * score + eps * (np.abs(log_p) + np.abs(log_p).max(1, keepdims=True) + k + 14)), 0
        )
        rows = (min(n, 1024) + 8) * eps + n * np.finfo(np.float64).eps
        slope = s * (near + 3 * eps * q + rows * np.abs(p - q))
        loss = (s * (2 * score + eps * (3 * np.abs(log_p).max(axis=1, keepdims=True, initial=0) + k + 14))).sum()
        added = n * np.finfo(np.float64).eps * (s[:, 0] * np.abs(log_p[np.arange(n), label])).sum()  # one to the other
        return loss + added, slope.T @ np.abs(x), slope.sum(axis=0)


@bounded(_bound)
def logistic_gradient(x: Array, w: Array, b: Array, label: Array, weight: Array | None) -> tuple[float, Array, Array]:
    """sum_i weight_i (log sum exp(z_i) - z_i[label_i]) for z_i = w x_i + b, and its gradients in w (k, d) and b (k,)."""
    _check(x, w, b, label, weight)
    log_p = _log_softmax(x, w, b)
    at = np.arange(len(x)), label
    s = np.ones(len(x), x.dtype) if weight is None else weight
    loss = -float((s * log_p[at]).sum(dtype=np.float64))
    slope = np.exp(log_p)
    slope[at] -= 1
    slope *= s[:, None]
    return loss, np.matmul(slope.T, x), slope.sum(axis=0)
