"""What depends on the order of elements."""

import numpy as np

from .case import labels, normal, same


def _ties(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(-2, 3, (4, 6)).astype(float)


CASES = [
    same("amax", lambda m, x: (m.amax(x), x.amax(0), x.amax((0, 2), keepdim=True)), normal(3, 4, 2)),
    same("amin", lambda m, x: (m.amin(x), x.amin(0), x.amin((0, 2), keepdim=True)), normal(3, 4, 2)),
    same("amax_ties", lambda m, x: (x.amax(1), x.amin(0)), _ties, differences=False),
    same("max", lambda m, x: (m.max(x), *x.max(1), *m.min(x, 0, keepdim=True), x.min()), normal(3, 4)),
    same("max_ties", lambda m, x: (x.max(), *x.max(1), x.min(), *x.min(0)), _ties, differences=False),
    same("max_binary", lambda m, x, y: m.max(x, y) - x.min(y), normal(3, 4), normal(3, 4)),
    same(
        "argmax",
        lambda m, x: (x.argmax(), m.argmax(x, 1), x.argmin(0, keepdim=True), m.argmin(x)),
        _ties,
        gradient=False,
    ),
    same("sort", lambda m, x: (*m.sort(x), *x.sort(0, descending=True)), normal(3, 4)),
    same(
        "sort_ties",
        lambda m, x: (*m.sort(x, stable=True), *m.sort(x, dim=0, descending=True, stable=True)),
        _ties,
        differences=False,
    ),
    same("argsort", lambda m, x: (x.argsort(), m.argsort(x, 0, True)), normal(3, 4), gradient=False),
    same("topk", lambda m, x: (*x.topk(2), *m.topk(x, 3, 0, largest=False)), normal(4, 5)),
    same("median", lambda m, x: (x.median(), *x.median(1), *m.median(x, 0, keepdim=True)), normal(4, 5)),
    same("aminmax", lambda m, x: (*m.aminmax(x), *x.aminmax(dim=1)), normal(4, 5)),
    same("unique", lambda m, x: m.unique(x, return_inverse=True, return_counts=True), labels(5, 4, 6), gradient=False),
    same("bincount", lambda m, x: (m.bincount(x, minlength=7), x.bincount()), labels(5, 30), gradient=False),
    same(
        "searchsorted",
        lambda m, x, y: (m.searchsorted(x.sort(1).values, y), m.searchsorted(x.sort(1)[0], y, right=True)),
        normal(3, 6),
        normal(3, 4),
        gradient=False,
        specials=False,
    ),
]
