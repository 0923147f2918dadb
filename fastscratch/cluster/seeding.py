"""Where k-means starts: k-means++ and centres drawn at random.

A point is drawn by where a uniform number falls among the points' shares, laid one after the other in an order that
depends on the points alone. So a point of weight two is drawn as two equal points are, wherever they stand in the data.
"""

from typing import Any

import numpy as np

from .. import backend

Array = np.ndarray[Any, Any]


def _key(x: Array) -> Array:
    """A number for each row that depends on the row alone: their place along a direction."""
    direction = np.random.default_rng(0).standard_normal((x.shape[1], 1)).astype(x.dtype)
    key: Array = backend.matmul(x, direction)[:, 0]
    return key


def _draw(rng: np.random.Generator, share: Array, order: Array, count: int) -> Array:
    """Rows drawn with probabilities in proportion to their shares."""
    edges = np.cumsum(share[order], dtype=np.float64)
    at = np.searchsorted(edges, rng.uniform(size=count) * edges[-1], side="right")
    return order[np.minimum(at, len(share) - 1)]


def plus_plus(x: Array, weight: Array, k: int, rng: np.random.Generator) -> Array:
    """Greedy k-means++: k rows of x, each the best of 2 + log k drawn by their squared distances from those before.

    D. Arthur and S. Vassilvitskii, k-means++: The Advantages of Careful Seeding, SODA 2007.
    """
    trials, order = 2 + int(np.log(k)), np.argsort(_key(x), kind="stable")
    chosen = _draw(rng, weight, order, 1)
    closest = backend.squared_distances(x, x[chosen])
    for _ in range(1, k):
        candidates = _draw(rng, weight * closest[:, 0], order, trials)
        distances = np.minimum(closest, backend.squared_distances(x, x[candidates]))
        best = int(np.argmin((weight[:, None] * distances).sum(axis=0, dtype=np.float64)))
        chosen = np.append(chosen, candidates[best])
        closest = np.ascontiguousarray(distances[:, best : best + 1])
    return x[chosen]


def at_random(x: Array, weight: Array, k: int, rng: np.random.Generator) -> Array:
    """k rows of x, drawn in proportion to their weights; different rows, if there are so many."""
    _, first, group = np.unique(_key(x), return_index=True, return_inverse=True)
    share = np.bincount(group, weight)
    if np.count_nonzero(share) < k:
        return x[rng.choice(len(x), size=k, replace=True, p=weight / weight.sum(dtype=np.float64))]
    return x[first[rng.choice(len(share), size=k, replace=False, p=share / share.sum())]]
