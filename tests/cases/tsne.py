"""Nearest neighbours, and what t-SNE is made of."""

import numpy as np

import fastscratch as fs

from .case import Case, Draw, normal, positive

_OPTIONS = {"gradient": False, "specials": False}


def _neighbours(k: int):
    def call(x):
        return tuple(fs.from_numpy(part) for part in fs.backend.nearest_neighbours(x.array, k))

    return call


def _affinities(perplexity: float):
    return lambda d: fs.from_numpy(fs.backend.tsne_affinities(d.array, perplexity))


def _attraction(start, index, p, y):
    force, loss = fs.backend.tsne_attraction(y.array, start.array, index.array, p.array, True)
    return fs.from_numpy(force), fs.from_numpy(np.asarray([loss]))


def _repulsion(y):
    force, whole = fs.backend.tsne_repulsion(y.array)
    return fs.from_numpy(force), fs.from_numpy(np.asarray([whole]))


def _tree(angle: float):
    def call(y):
        force, whole = fs.backend.tsne_repulsion_tree(y.array, angle)
        return fs.from_numpy(force), fs.from_numpy(np.asarray([whole]))

    return call


def _heaps(n: int, dims: int) -> Draw:
    """Points of which most are at three places, and some far away."""
    return lambda rng: np.where(
        rng.uniform(size=(n, 1)) < 0.7, rng.integers(0, 3, (n, 1)) * np.ones(dims), 9 * rng.standard_normal((n, dims))
    )


def _rows(n: int, terms: int) -> tuple[Draw, Draw, Draw]:
    """Sparse rows of different lengths: where they start, their columns and elements."""

    def start(rng):
        return np.concatenate([[0], np.sort(rng.integers(0, terms + 1, n - 1)), [terms]])

    return start, lambda rng: rng.integers(0, n, terms), positive(terms)


CASES = [
    Case("nearest_neighbours", _neighbours(5), (normal(40, 6),), **_OPTIONS, bench=(normal(3000, 100),)),
    Case("nearest_neighbours_all", _neighbours(11), (normal(12, 3),), **_OPTIONS),
    Case("nearest_neighbours_one", _neighbours(1), (normal(2, 1),), **_OPTIONS),
    Case("nearest_neighbours_none", _neighbours(0), (normal(3, 2),), **_OPTIONS),
    Case("nearest_neighbours_chunks", _neighbours(7), (normal(300, 9),), **_OPTIONS),
    Case("tsne_affinities", _affinities(4.0), (positive(30, 12),), **_OPTIONS, bench=(positive(3000, 91),)),
    Case("tsne_affinities_scaled", _affinities(2.5), (lambda rng: 1e4 + 1e3 * rng.uniform(size=(9, 8)),), **_OPTIONS),
    Case("tsne_attraction", _attraction, (*_rows(17, 90), normal(17, 2)), **_OPTIONS),
    Case("tsne_attraction_line", _attraction, (*_rows(9, 20), normal(9, 1)), **_OPTIONS),
    Case("tsne_attraction_space", _attraction, (*_rows(150, 900), normal(150, 3)), **_OPTIONS),
    Case("tsne_repulsion", _repulsion, (normal(37, 2, scale=3.0),), **_OPTIONS, bench=(normal(3000, 2),)),
    Case("tsne_repulsion_line", _repulsion, (normal(5, 1),), **_OPTIONS),
    Case("tsne_repulsion_far", _repulsion, (normal(9, 2, scale=1e4),), **_OPTIONS),
    Case("tsne_repulsion_space", _repulsion, (normal(150, 3),), **_OPTIONS),
    Case("tsne_repulsion_stretches", _repulsion, (normal(1100, 2),), **_OPTIONS),
    Case("tsne_repulsion_tree", _tree(0.5), (normal(700, 2, scale=20.0),), **_OPTIONS, bench=(normal(3000, 2),)),
    Case("tsne_repulsion_tree_line", _tree(0.9), (normal(400, 1, scale=5.0),), **_OPTIONS),
    Case("tsne_repulsion_tree_space", _tree(0.8), (normal(900, 3, scale=9.0),), **_OPTIONS),
    Case("tsne_repulsion_tree_lists", _tree(0.05), (normal(1500, 2, scale=20.0),), **_OPTIONS),
    Case("tsne_repulsion_tree_heaps", _tree(0.6), (_heaps(500, 2),), **_OPTIONS),
    Case("tsne_repulsion_tree_few", _tree(0.5), (normal(3, 2),), **_OPTIONS),
    Case("tsne_repulsion_tree_one_place", _tree(0.5), (lambda rng: np.ones((100, 3)),), **_OPTIONS),
    Case("tsne_repulsion_tree_exact", _tree(0.0), (normal(50, 2),), **_OPTIONS),
]  # fmt: skip
