"""What clustering is made of: distances, points about their mean, Lloyd's step."""

import numpy as np

import fastscratch as fs

from .case import Case, Draw, labels, normal, positive


def _with(kernel: str, *more):  # the kernel on the tensors' arrays
    def call(*tensors):
        result = getattr(fs.backend, kernel)(*(t.array for t in tensors), *more)
        parts = result if isinstance(result, tuple) else (result,)
        return tuple(fs.from_numpy(p) for p in parts if p is not None)

    return call


def _assign(x, weight, centres):
    return _with("kmeans_assign", True)(x, weight, centres)


def _unweighted(x, centres):
    label, total, mass = fs.backend.kmeans_assign(x.array, None, centres.array, True)
    return tuple(fs.from_numpy(p) for p in (label, total, mass))


def _labels_alone(x, centres):
    return fs.from_numpy(fs.backend.kmeans_assign(x.array, None, centres.array, False)[0])


def _twice(n: int, d: int) -> Draw:
    """Points of which each is there twice."""
    return lambda rng: np.repeat(rng.standard_normal((n, d)), 2, axis=0)


_OPTIONS = {"gradient": False}
_FINITE = {"gradient": False, "specials": False}

CASES = [
    Case("squared_distances", _with("squared_distances"), (normal(9, 37), normal(7, 37)), **_OPTIONS,
         bench=(normal(20000, 784), normal(10, 784))),
    Case("squared_distances_of_one", _with("squared_distances"), (normal(5, 1), normal(1, 1)), **_OPTIONS),
    Case("squared_distances_equal", lambda x: _with("squared_distances")(x, x), (_twice(6, 16),), **_OPTIONS),
    Case("squared_distances_threads", _with("squared_distances"), (normal(700, 40), normal(11, 40)), **_OPTIONS),
    Case("squared_distances_no_features", _with("squared_distances"), (normal(3, 0), normal(2, 0)), **_FINITE),
    Case("squared_distances_empty", _with("squared_distances"), (normal(0, 3), normal(2, 3)), **_FINITE),
    Case("indexed_distances", _with("indexed_distances"), (normal(8, 19), normal(5, 19), labels(5, 8, 3)), **_OPTIONS,
         bench=(normal(20000, 784), normal(10, 784), labels(10, 20000, 1))),
    Case("indexed_distances_threads", _with("indexed_distances"), (normal(900, 33), normal(4, 33), labels(4, 900, 5)),
         **_OPTIONS),
    Case("centred", _with("centred"), (normal(13, 6),), **_FINITE, bench=(normal(20000, 784),)),
    Case("centred_parts", _with("centred"), (normal(700, 150),), **_FINITE),
    Case("kmeans", _assign, (normal(60, 21), positive(60), normal(11, 21)), **_FINITE),
    Case("kmeans_unweighted", _unweighted, (normal(40, 5), normal(3, 5)), **_FINITE,
         bench=(normal(20000, 784), normal(10, 784))),
    Case("kmeans_one", _unweighted, (normal(7, 1), normal(1, 1)), **_FINITE),
    Case("kmeans_segments", _unweighted, (normal(3000, 18), normal(8, 18)), **_FINITE),
    Case("kmeans_many_centres", _labels_alone, (normal(300, 8), normal(290, 8)), **_FINITE),
    Case("kmeans_ties", _unweighted, (_twice(9, 4), _twice(3, 4)), **_FINITE),
    Case("kmeans_no_rows", _unweighted, (normal(0, 4), normal(3, 4)), **_FINITE),
]  # fmt: skip
