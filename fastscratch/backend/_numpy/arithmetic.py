"""Sums, differences, products and quotients of two arrays of one shape, or of an array and a number; an array's sum."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..bounds import bounded, exact
from ..order import in_order_of

Array = np.ndarray[Any, Any]
Operand = Any  # an array, or a number, which is rounded to the array's type


def _computed(ufunc: Any, a: Operand, b: Operand, out: Array | None) -> Array:
    """In out, or in the memory order of the first array."""
    y = ufunc(a, b, out=out)
    return y if out is not None else in_order_of(y, a if isinstance(a, np.ndarray) else b)


def _sum_bound(eps: float, y: Array, a: Operand, b: Operand, out: Array | None = None) -> Array:
    return eps * (np.abs(y) + np.abs(a) + np.abs(b))


def _product_bound(eps: float, y: Array, a: Operand, b: Operand, out: Array | None = None) -> Array:
    return 2.1 * eps * np.abs(y)


@bounded(_sum_bound)
def add(a: Operand, b: Operand, out: Array | None = None) -> Array:
    """a + b, into out if it is given, which may be a or b."""
    return _computed(np.add, a, b, out)


@bounded(_sum_bound)
def sub(a: Operand, b: Operand, out: Array | None = None) -> Array:
    """a - b, into out if it is given, which may be a or b."""
    return _computed(np.subtract, a, b, out)


@bounded(_product_bound)
def mul(a: Operand, b: Operand, out: Array | None = None) -> Array:
    """a b, into out if it is given, which may be a or b."""
    return _computed(np.multiply, a, b, out)


@bounded(_product_bound)
def div(a: Operand, b: Operand, out: Array | None = None) -> Array:
    """a / b, into out if it is given, which may be a or b."""
    return _computed(np.divide, a, b, out)


def _comparison(ufunc: Any, sign: str) -> Callable[[Array, Array], Array]:
    """The twin of a comparison."""

    @bounded(exact)
    def compare(a: Array, b: Array) -> Array:
        return in_order_of(ufunc(a, b), a)

    compare.__name__ = compare.__qualname__ = ufunc.__name__
    compare.__doc__ = f"a {sign} b, as booleans."
    return compare


equal = _comparison(np.equal, "==")
not_equal = _comparison(np.not_equal, "!=")
less = _comparison(np.less, "<")
less_equal = _comparison(np.less_equal, "<=")
greater = _comparison(np.greater, ">")
greater_equal = _comparison(np.greater_equal, ">=")


def _sum_all_bound(eps: float, y: Array, x: Array) -> Array:
    # A lane adds at most 64 / 4 numbers, then come 2 levels of registers and at most 4 of lanes; blocks are added in
    # double, which in double is a rounding for each block more.
    blocks = x.size / 64 if eps < 1e-12 else 0
    return np.asarray(eps * (16 + 3 + 2 + 4 + 1 + blocks) * np.abs(x).sum())


@bounded(_sum_all_bound)
def sum_all(x: Array) -> Array:
    """The sum of all elements, without axes."""
    return np.asarray(x.sum())


def _mean_all_bound(eps: float, y: Array, x: Array) -> Array:
    return np.asarray(_sum_all_bound(eps, y, x) / x.size + eps * np.abs(y))


@bounded(_mean_all_bound)
def mean_all(x: Array) -> Array:
    """The arithmetic mean of all elements, at least one, without axes."""
    return np.asarray(x.mean())
