"""Choosing between elements."""

import numpy as np

from .case import normal, same, uniform


def _ties(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(-2, 3, (4, 5)).astype(float)


CASES = [
    same("where", lambda m, a, b: m.where(a > 0, a, b), normal(3, 4), normal(4)),
    same("where_numbers", lambda m, a: m.where(a > 0, 1.0, a) + m.where(a < 1, 0.0, 2.0), normal(3, 4)),
    same("where_method", lambda m, a, b: a.where(b > a, b * 2), normal(3, 4), normal(4)),
    same("maximum", lambda m, a, b: m.maximum(a, b), normal(3, 4), normal(4)),
    same("maximum_ties", lambda m, a, b: m.maximum(a, b) + m.minimum(a, b * 2), _ties, _ties, differences=False),
    same("minimum", lambda m, a, b: m.minimum(a, b), normal(3, 4), normal(4)),
    same("fmax_fmin", lambda m, a, b: m.fmax(a, b) * m.fmin(a, b), normal(3, 4), normal(4)),
    same("clamp", lambda m, a: a.clamp(-0.5, 0.7), normal(30)),
    same("clamp_min", lambda m, a: m.clamp(a, min=0.1), normal(30)),
    same("clamp_bounds", lambda m, a: m.clamp(a, -1.0, 1.0), _ties, differences=False),
    same(
        "clamp_tensors",
        lambda m, a, low, high: m.clamp(a, low, high),
        normal(4, 5),
        uniform(-1, -0.5, 5),
        uniform(0.5, 1, 4, 1),
    ),
    same("clamp_", lambda m, a: (a * 1).clamp_(max=0.2), normal(30)),
    same("nan_to_num", lambda m, a: m.nan_to_num(a, nan=1.0, posinf=2.0, neginf=-2.0), normal(30)),
]
