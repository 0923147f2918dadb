"""Nearest neighbours, and what t-SNE is made of."""

from typing import Any

import numpy as np

from ..bounds import bounded
from ..order import gives, rows

Array = np.ndarray[Any, Any]

TOLERANCE = 1e-5  # of the entropy, see csrc/tsne.c


def _neighbours_bound(eps: float, y: Any, x: Array, k: int) -> Any:
    """A neighbour as near as the next one, or as the first that was left out, but for errors, may change places with it."""
    if not y[0].size:
        return 0.0, 0.0
    d, sizes = x.shape[1], np.sqrt(np.square(x).sum(axis=1))
    error = (2 * d + 16) * eps * (sizes + sizes.max())[:, None] ** 2
    allowed = 2 * error + (d + 2) * eps * y[1]
    every = nearest_neighbours(x, len(x) - 1)[1]
    own = (d + 2) * eps * every
    near = np.diff(every, axis=1) <= 2 * np.maximum(own[:, 1:], np.where(np.arange(1, len(x) - 1) < k, 0, error))
    reach = every[:, k - 1 : k] - every <= 2 * error  # from the first of those as near as the last, all may be others
    torn = np.zeros(every.shape, bool)
    torn[:, 1:] |= near
    torn[:, :-1] |= near
    if k < every.shape[1]:
        torn |= reach & (every[:, k : k + 1] - every <= 4 * error)
    return np.where(torn[:, :k], float(len(x)), 0.0), allowed


@bounded(_neighbours_bound)
def nearest_neighbours(x: Array, k: int) -> tuple[Array, Array]:
    """The k nearest of the other rows of x (n, d), nearest first: their numbers, and squared distances."""
    if x.ndim != 2 or not 0 <= k < max(1, len(x)):
        raise ValueError(f"nearest_neighbours: expected x (n, d) and 0 <= k < n, got {x.shape} and {k}")
    index, distance = np.empty((len(x), k), np.int64), np.empty((len(x), k), x.dtype)
    for i, point in enumerate(x):
        squares = np.square(x - point).sum(axis=1)
        squares[i] = np.inf
        index[i] = np.argsort(squares, kind="stable")[:k]
        distance[i] = squares[index[i]]
    return index, distance


def _affinities_bound(eps: float, p: Array, distances: Array, perplexity: float) -> Array:
    """Both entropies are within the tolerance and k eps of what was asked: so far beta may be off, and p with it."""
    if not p.size:
        return p
    away = distances - distances.min(axis=1, keepdims=True)
    mean = (p * away).sum(axis=1, keepdims=True)
    variance = (p * (away - mean) ** 2).sum(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        # p = exp(-beta away) / sum: beta from the two ends of the row
        far = away.max(axis=1, keepdims=True)
        lowest = np.maximum(np.take_along_axis(p, away.argmax(axis=1)[:, None], 1), np.finfo(np.float64).tiny)
        beta = np.log(p.max(axis=1, keepdims=True) / lowest) / far
        slope = beta * variance  # of the entropy against the precision
        off = 2 * (2 * TOLERANCE + (p.shape[1] + 20) * eps * (2 + np.log(p.shape[1]))) / slope
        error = p * (np.abs(away - mean) * off + (p.shape[1] + 8) * eps * (2 + beta * away))
        unsure = ~(off * np.sqrt(variance) < 0.1)  # no such precision, or where a first order says too little
    return np.where(unsure | ~np.isfinite(error), 1.0, error)


@bounded(_affinities_bound)
@gives(rows)
def tsne_affinities(distances: Array, perplexity: float) -> Array:
    """exp(-beta d) / sum for each row of squared distances (n, k), beta such that the entropy is log perplexity."""
    if distances.ndim != 2 or not perplexity > 0:
        raise ValueError(
            f"tsne_affinities: expected distances (n, k) and a perplexity > 0, got {distances.shape}, {perplexity}"
        )
    p = np.empty_like(distances)
    for i, row in enumerate(distances if distances.size else ()):
        away = (row - row.min()).astype(np.float64)
        beta, low, high = 1.0, 0.0, np.inf
        for _ in range(200):
            e = np.exp(-beta * away)
            whole = e.sum()
            over = np.log(whole) + beta * (e * away).sum() / whole - np.log(perplexity)
            if abs(over) <= TOLERANCE:
                break
            low, high = (beta, high) if over > 0 else (low, beta)
            beta = 2 * beta if high == np.inf else (low + high) / 2
        p[i] = e / whole
    return p


def _pairs(y: Array, index: Array, other: Array) -> tuple[Array, Array, int]:
    """The differences of pairs, their w and f."""
    away = y[index] - y[other]
    freedom = max(1, y.shape[1] - 1)
    return away, 1 / (1 + np.square(away).sum(axis=1) / freedom), freedom


def _attraction_bound(eps: float, y: Any, points: Array, start: Array, index: Array, p: Array, loss: bool) -> Any:
    terms = np.diff(start)
    row = np.repeat(np.arange(len(points)), terms)
    away, w, _ = _pairs(points, row, index)
    sizes = np.zeros_like(points)
    np.add.at(sizes, row, p[:, None] * w[:, None] * np.abs(away))
    factor = (terms[:, None] + 4 * points.shape[1] + 12) * eps
    lost = np.zeros_like(points)  # the whole force where a squared distance overflows
    least = 4 * float(np.finfo(np.float32 if eps > 1e-10 else np.float64).tiny)
    np.add.at(lost, row, np.where(w < least, p * w, 0)[:, None] * np.abs(away))
    return factor * sizes + lost, (20 + len(p)) * eps * (y[1] + p.sum()) if loss else None


@bounded(_attraction_bound)
@gives(rows)
def tsne_attraction(y: Array, start: Array, index: Array, p: Array, loss: bool) -> tuple[Array, float | None]:
    """sum_j p_ij w_ij (y_i - y_j) over sparse rows of p, and, if asked, the sum of p (f + 1) / 2 log(1 / w)."""
    if (
        y.ndim != 2
        or not 1 <= y.shape[1] <= 3
        or start.shape != (len(y) + 1,)
        or index.ndim != 1
        or p.shape != index.shape
    ):
        raise ValueError(
            f"tsne_attraction: expected y (n, 1 to 3), start (n + 1,), index and p (m,), got {y.shape}, {start.shape}, "
            f"{index.shape} and {p.shape}"
        )
    if start[0] != 0 or start[-1] != len(index) or (start[1:] < start[:-1]).any():
        raise ValueError(f"tsne_attraction: start must ascend from 0 to {len(index)}")
    wrong = index[(index < 0) | (index >= len(y))]
    if wrong.size:
        raise IndexError(f"tsne_attraction: index {wrong[0]} is out of range for a table of {len(y)} rows")
    row = np.repeat(np.arange(len(y)), np.diff(start))
    away, w, freedom = _pairs(y, row, index)
    pull = (p * w)[:, None] * away
    force = np.stack([np.bincount(row, column, minlength=len(y)) for column in pull.T], axis=1).astype(y.dtype)
    return force, float(-(p * (freedom + 1) / 2 * np.log(w)).sum(dtype=np.float64)) if loss else None


def _repulsion_bound(eps: float, y: Any, points: Array) -> Any:
    sizes = np.zeros_like(points)
    for i in range(len(points)):
        away, w, freedom = _pairs(points, np.full(len(points), i), np.arange(len(points)))
        sizes[i] = (w ** ((freedom + 3) / 2) @ np.abs(away)) if len(points) else 0
    factor = (1100 + 4 * points.shape[1]) * eps
    return factor * sizes, factor * np.abs(y[1])


@bounded(_repulsion_bound)
@gives(rows)
def tsne_repulsion(y: Array) -> tuple[Array, float]:
    """sum_j q_ij w_ij (y_i - y_j), q = w^((f + 1) / 2), over all points, and the sum of q over i != j."""
    if y.ndim != 2 or not 1 <= y.shape[1] <= 3:
        raise ValueError(f"tsne_repulsion: expected y (n, 1 to 3), got {y.shape}")
    force, whole = np.empty_like(y), 0.0
    for i in range(len(y)):
        away, w, freedom = _pairs(y, np.full(len(y), i), np.arange(len(y)))
        q = w ** ((freedom + 1) / 2)
        q[i] = 0
        force[i] = ((q * w)[:, None] * away).sum(axis=0)
        whole += float(q.sum(dtype=np.float64))
    return force, whole
