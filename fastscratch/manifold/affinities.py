"""What t-SNE keeps of the data: how near each point finds its neighbours."""

from typing import Any, NamedTuple

import numpy as np

from .. import backend

Array = np.ndarray[Any, Any]


class Affinities(NamedTuple):
    """A symmetric sparse matrix whose elements sum to 1: row i is p[start[i] : start[i + 1]], in those columns."""

    start: Array
    column: Array
    p: Array
    inner: float  # the sum of p log p


def affinities(x: Array, perplexity: float, neighbours: int, dtype: Any) -> Affinities:
    """The mean of p(j|i) and p(i|j) over n, each row of which is of the perplexity among that many neighbours."""
    index, distances = backend.nearest_neighbours(backend.centred(x)[0], neighbours)
    return symmetric(index, backend.tsne_affinities(distances, perplexity), dtype)


def symmetric(index: Array, p: Array, dtype: Any) -> Affinities:
    """(P + P^T) / their sum, for rows p of P in the columns index."""
    n, k = index.shape
    row, column = np.repeat(np.arange(n), k), index.ravel()
    place, at = np.unique(np.concatenate([row * n + column, column * n + row]), return_inverse=True)
    both: Array = np.bincount(at, np.concatenate([p.ravel(), p.ravel()]))
    start = np.searchsorted(place, np.arange(n + 1) * n)
    both = both / float(both.sum())
    some = both[both > 0]
    return Affinities(start, place % n, both.astype(dtype), float((some * np.log(some)).sum()))
