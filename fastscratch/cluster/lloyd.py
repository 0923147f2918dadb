"""One run of k-means from given centres."""

from typing import Any, NamedTuple

import numpy as np

from .. import backend

Array = np.ndarray[Any, Any]


class Run(NamedTuple):
    """What a run ends with."""

    labels: Array
    inertia: float
    centres: Array
    n_iter: int


def inertia(x: Array, weight: Array | None, centres: Array, labels: Array) -> float:
    """The weighted sum of the squared distances to the rows' centres, by differences and in float64."""
    squares = backend.indexed_distances(x, centres, labels[:, None])[:, 0]
    return float((squares if weight is None else weight * squares).sum(dtype=np.float64))


def lloyd(x: Array, weight: Array | None, centres: Array, max_iter: int, tol: float, verbose: bool) -> Run:
    """Steps until no label changes, or the centres move by no more than sqrt(tol) in all, or max_iter are done."""
    before, settled = None, False
    for step in range(max_iter):
        labels, sums, mass = backend.kmeans_assign(x, weight, centres, True)
        if verbose:
            print(f"Iteration {step}, inertia {inertia(x, weight, centres, labels)}.")
        moved = _means(x, weight, centres, labels, sums, mass)
        shift = float(np.square(moved - centres).sum(dtype=np.float64))
        centres, settled = moved, before is not None and np.array_equal(labels, before)
        if settled or shift <= tol:
            if verbose:
                why = "strict convergence" if settled else f"center shift {shift} within tolerance {tol}"
                print(f"Converged at iteration {step}: {why}.")
            break
        before = labels
    if not settled:
        labels = backend.kmeans_assign(x, weight, centres, False)[0]
    return Run(labels, inertia(x, weight, centres, labels), centres, step + 1)


def _means(x: Array, weight: Array | None, centres: Array, labels: Array, sums: Array, mass: Array) -> Array:
    """The centres of mass; a cluster without rows takes the row that is farthest from its own centre."""
    empty = np.flatnonzero(mass == 0)
    if len(empty):
        squares = backend.indexed_distances(x, centres, labels[:, None])[:, 0]
        if weight is not None:
            squares = np.where(weight > 0, squares, 0)
        if squares.max() > 0:
            for cluster, row in zip(empty, np.argsort(-squares, kind="stable"), strict=False):
                share = 1 if weight is None else weight[row]
                sums[labels[row]] -= share * x[row]
                mass[labels[row]] -= share
                sums[cluster], mass[cluster] = share * x[row], share
    heaviest = int(np.argmax(mass))
    means: Array = sums / np.where(mass > 0, mass, 1)[:, None]
    means[mass <= 0] = means[heaviest]
    return means
