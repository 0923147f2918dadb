"""The functions of csrc/simd/math.h in wider arithmetic, what math.h states of each, and the measure of an error.

Used by test_math.py, on tens of thousands of points, and by benchmarks.accuracy, on as many as one likes.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Array = np.ndarray
# x87's long double has 64 bits of mantissa; where there is no wider type, the reference adds an error of its own.
WIDE = np.longdouble if np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant else np.float64
SERIES, FRACTION = 30, 240  # terms: more than long double can see up to, or from, where the two meet
MEET = 1


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), nothing lost on either side."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def _square(x: Array) -> tuple[Array, Array]:
    """x * x and what was rounded off it (Dekker's product): exp magnifies an error of its argument."""
    split = x * x.dtype.type(2.0 ** math.ceil((np.finfo(x.dtype).nmant + 1) / 2) + 1)
    high = split - (split - x)
    low = x - high
    product = x * x
    return product, ((high * high - product) + 2 * high * low) + low * low


def _gaussian(x: Array) -> Array:
    """exp(-x * x)."""
    square, rest = _square(x)
    return np.exp(-square) * (1 - rest)


def _root_pi(x: Array) -> Array:
    return np.sqrt(4 * np.arctan(x.dtype.type(1)))


def _series(x: Array) -> Array:
    """erf for |x| <= 1: 2 / sqrt(pi) exp(-x^2) sum of 2^n x^(2n+1) / (2n+1)!!, no two terms of different sign."""
    term, total = x.copy(), x.copy()
    for n in range(1, SERIES):
        term = term * (2 * x * x / (2 * n + 1))
        total += term
    return 2 / _root_pi(x) * _gaussian(x) * total


def _fraction(x: Array) -> Array:
    """erfc for x >= 1: Laplace's continued fraction exp(-x^2) / sqrt(pi) / (x + (1/2) / (x + 1 / (x + (3/2) / ..."""
    tail = x.copy()
    for n in range(FRACTION, 0, -1):
        tail = x + x.dtype.type(n) / 2 / tail
    return _gaussian(x) / _root_pi(x) / tail


def erfc(x: Array) -> Array:
    """Series up to 1, where 1 - erf loses 3 bits of long double, continued fraction above."""
    size = np.abs(x)
    far = _fraction(np.clip(size, MEET, 200))
    near = 1 - _series(np.where(size < MEET, x, 0))
    return np.where(np.isnan(x), x, np.where(x >= MEET, far, np.where(x <= -MEET, 2 - far, near)))


def erf(x: Array) -> Array:
    """Series up to 1, 1 - erfc above."""
    size = np.abs(x)
    far = np.copysign(1 - _fraction(np.clip(size, MEET, 200)), x)
    return np.where(np.isnan(x), x, np.where(size < MEET, _series(np.where(size < MEET, x, 0)), far))


class Function(NamedTuple):
    """A function in wide arithmetic; the ULPs that math.h states; where most points lie, for float32 and for float64."""

    reference: Callable[[Array], Array]
    ulps: float
    float32: tuple[float, float]
    float64: tuple[float, float]


FUNCTIONS = {
    "exp": Function(np.exp, 1.1, (-110, 90), (-750, 711)),
    "expm1": Function(np.expm1, 1.5, (-30, 90), (-50, 711)),
    "log": Function(np.log, 1, (0.3, 3), (0.3, 3)),
    "log1p": Function(np.log1p, 1, (-0.999, 3), (-0.999, 3)),
    "tanh": Function(np.tanh, 1.5, (-12, 12), (-25, 25)),
    "sigmoid": Function(sigmoid, 2.5, (-110, 30), (-750, 50)),
    "erf": Function(erf, 1.5, (-5, 5), (-7, 7)),
    "erfc": Function(erfc, 6.5, (-6, 11), (-7, 28)),
}


def expected(name: str, x: Array) -> tuple[Array, Array]:
    """The value in wider arithmetic, and rounded to x's dtype."""
    with np.errstate(all="ignore"):
        wide = FUNCTIONS[name].reference(x.astype(np.float64 if x.dtype == np.float32 else WIDE))
        return wide, wide.astype(x.dtype)


def ulps(got: Array, wide: Array, rounded: Array) -> Array:
    """The error of each element in units in the last place; infinite where only one is NaN or infinite."""
    with np.errstate(all="ignore"):
        error = np.abs(got.astype(wide.dtype) - wide) / np.spacing(np.abs(rounded)).astype(wide.dtype)
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    return np.where(np.isfinite(error), error, np.where(same, 0, np.inf))
