"""Conjugate gradients for several right sides at once (M. Hestenes and E. Stiefel, 1952), preconditioned."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .meter import Meter

Array = np.ndarray[Any, Any]


def conjugate_gradients(
    product: Callable[[Array], Array],
    precondition: Callable[[Array], Array],
    b: Array,
    tol: float,
    max_iter: int,
    meter: Meter,
) -> tuple[Array, int, bool]:
    """x with |b - A x| <= tol |b| in every column, the number of products, and whether that was reached.

    Columns go their own ways but for the product, which is where the time goes and costs little more for several.
    """
    x, r = np.zeros_like(b), b.copy()
    size = np.linalg.norm(b, axis=0)
    size[size == 0] = 1
    z = precondition(r)
    p, rz = z, (r * z).sum(axis=0)
    for step in range(max_iter + 1):
        worst = float((np.linalg.norm(r, axis=0) / size).max(initial=0))
        if worst <= tol or step == max_iter:
            meter.say("conjugate gradients", 1.0, f" {step}, residual {worst:.1e}")
            return x, step, worst <= tol
        meter.say("conjugate gradients", digits(worst, tol), f" {step}, residual {worst:.1e}")
        image = product(p)
        length = _over(rz, (p * image).sum(axis=0))
        x += length * p
        r = r - length * image  # a new array: z may be r itself
        z = precondition(r)
        new = (r * z).sum(axis=0)
        p, rz = z + _over(new, rz) * p, new
    raise AssertionError("the last step returns")


def digits(residual: float, tol: float) -> float:
    """How far it is: the share of the digits wanted that are there."""
    return min(1.0, max(0.0, math.log(residual) / math.log(tol))) * 0.999


def _over(a: Array, b: Array) -> Array:
    """a / b; 0 in a column that is solved already."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)
