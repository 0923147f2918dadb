"""Lloyd's step: rows to their nearest centres, and the sums of the rows of each."""

from typing import Any

import numpy as np

from ..bounds import bounded

Array = np.ndarray[Any, Any]


def _scores(x: Array, centres: Array) -> Array:
    """|x - c|^2 / 2 less what all centres have in common."""
    scores: Array = np.square(centres).sum(axis=1) / 2 - np.matmul(x, centres.T)
    return scores


def _assign_bound(eps: float, y: Any, x: Array, weight: Array | None, centres: Array, sums: bool) -> Any:
    """A row whose two best scores are nearer to one another than their errors may be either's, and so may its share."""
    size = np.sqrt(np.square(centres).sum(axis=1))
    error = (x.shape[1] + 2) * eps * (size**2 + np.sqrt(np.square(x).sum(axis=1))[:, None] * size)
    scores = _scores(x, centres)
    rivals = scores - error <= (scores + error).min(axis=1, keepdims=True)
    torn = np.where(rivals.sum(axis=1) > 1, 1.0, 0.0)
    labels = torn * len(centres)
    if not sums:
        return labels, None, None
    w = np.ones(len(x)) if weight is None else weight
    sizes = kmeans_sums(np.abs(x), w, y[0], len(centres))
    spare = kmeans_sums(np.abs(x), w * torn, np.zeros_like(y[0]), 1)
    return labels, *((len(x) + 2) * eps * (s + t) + t for s, t in zip(sizes, spare, strict=True))


def kmeans_sums(x: Array, weight: Array, labels: Array, k: int) -> tuple[Array, Array]:
    """The weighted sums of the rows of each label, and of the weights."""
    belongs = (labels[:, None] == np.arange(k)).astype(x.dtype) * weight[:, None]
    return np.matmul(belongs.T, x), belongs.sum(axis=0)


@bounded(_assign_bound)
def kmeans_assign(
    x: Array, weight: Array | None, centres: Array, sums: bool
) -> tuple[Array, Array | None, Array | None]:
    """The nearest centre of each row of x (n, d); with sums, also the weighted sums of each centre's rows and weights."""
    if (
        x.ndim != 2
        or centres.ndim != 2
        or not len(centres)
        or x.shape[1] != centres.shape[1]
        or (weight is not None and weight.shape != x.shape[:1])
    ):
        raise ValueError(
            f"kmeans_assign: expected x (n, d), weight (n,) and centres (k, d) with k > 0, got {x.shape}, "
            f"{None if weight is None else weight.shape} and {centres.shape}"
        )
    labels = _scores(x, centres).argmin(axis=1).astype(np.int32)
    if not sums:
        return labels, None, None
    return labels, *kmeans_sums(x, np.ones(len(x), x.dtype) if weight is None else weight, labels, len(centres))
