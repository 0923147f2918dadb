"""Functions of one element: each with its derivative, as in a table of formulas.

Integers and booleans are computed in the default floating dtype, except where the function maps integers to integers.
Outside its domain a function gives NaN, at a pole an infinity, without a warning.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..tape import OUTPUT
from ..tensor import Tensor, cast, in_place, method, record, unary
from .operands import floating, need_kind, need_tensor, quiet

__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "deg2rad",
    "exp2",
    "fix",
    "floor",
    "frac",
    "log2",
    "log10",
    "rad2deg",
    "reciprocal",
    "round",
    "rsqrt",
    "sign",
    "sin",
    "sinh",
    "square",
    "tan",
    "trunc",
]  # fmt: skip

Function = Callable[[Tensor], Tensor]


def _smooth(name: str, function: Any, derivative: Any, doc: str, *, of_output: bool = False) -> Function:
    """The op y = function(x) with dx = derivative(dy, x), or derivative(dy, y) where that is cheaper."""

    def gradient(dy, needs, saved):  # type: ignore[no-untyped-def]
        return (derivative(dy, saved),)

    gradient.__name__ = f"_{name}_gradient"

    def op(input: Tensor) -> Tensor:
        y = unary(input, gradient, (OUTPUT if of_output else input,), quiet.call, function)
        if y is not None:
            return y
        x = floating(need_tensor(input, name))
        return record(quiet.call(function, x.array), (x,), gradient, OUTPUT if of_output else x)

    return _public(op, name, doc)


def _steps(name: str, function: Any, doc: str) -> Function:
    """An op that is constant between its jumps: its derivative is zero. Integers stay as they are."""

    def gradient(dy, needs):  # type: ignore[no-untyped-def]
        return (np.zeros_like(dy),)

    gradient.__name__ = f"_{name}_gradient"

    def op(input: Tensor) -> Tensor:
        x = need_tensor(input, name)
        return record(quiet.call(function, x.array) if x.array.dtype.kind == "f" else x.array.copy(), (x,), gradient)

    return _public(op, name, doc)


def _public(op: Function, name: str, doc: str) -> Function:
    op.__name__ = op.__qualname__ = name
    op.__doc__ = doc
    method(op)
    in_place(op)
    return op


# fmt: off
acos = _smooth("acos", np.arccos, lambda dy, x: -dy / np.sqrt(1 - x * x), "arccos x, in [0, pi].")
acosh = _smooth("acosh", np.arccosh, lambda dy, x: dy / np.sqrt(x * x - 1), "The inverse of cosh, for x >= 1.")
asin = _smooth("asin", np.arcsin, lambda dy, x: dy / np.sqrt(1 - x * x), "arcsin x, in [-pi/2, pi/2].")
asinh = _smooth("asinh", np.arcsinh, lambda dy, x: dy / np.sqrt(x * x + 1), "The inverse of sinh.")
atan = _smooth("atan", np.arctan, lambda dy, x: dy / (1 + x * x), "arctan x, in [-pi/2, pi/2].")
atanh = _smooth("atanh", np.arctanh, lambda dy, x: dy / (1 - x * x), "The inverse of tanh, for |x| < 1.")
cos = _smooth("cos", np.cos, lambda dy, x: -dy * np.sin(x), "cos x, in radians.")
cosh = _smooth("cosh", np.cosh, lambda dy, x: dy * np.sinh(x), "cosh x = (e^x + e^-x) / 2.")
deg2rad = _smooth("deg2rad", np.deg2rad, lambda dy, x: np.deg2rad(dy), "Degrees to radians.")
exp2 = _smooth("exp2", np.exp2, lambda dy, y: dy * y * y.dtype.type(np.log(2)), "2 to the power of x.", of_output=True)
log2 = _smooth("log2", np.log2, lambda dy, x: dy / (x * x.dtype.type(np.log(2))), "The logarithm to base 2.")
log10 = _smooth("log10", np.log10, lambda dy, x: dy / (x * x.dtype.type(np.log(10))), "The logarithm to base 10.")
rad2deg = _smooth("rad2deg", np.rad2deg, lambda dy, x: np.rad2deg(dy), "Radians to degrees.")
reciprocal = _smooth("reciprocal", np.reciprocal, lambda dy, y: -dy * y * y, "1 / x.", of_output=True)
rsqrt = _smooth("rsqrt", lambda x: 1 / np.sqrt(x), lambda dy, y: dy * y * y * y / -2, "1 / sqrt(x).", of_output=True)
sin = _smooth("sin", np.sin, lambda dy, x: dy * np.cos(x), "sin x, in radians.")
sinh = _smooth("sinh", np.sinh, lambda dy, x: dy * np.cosh(x), "sinh x = (e^x - e^-x) / 2.")
tan = _smooth("tan", np.tan, lambda dy, y: dy * (1 + y * y), "tan x, in radians.", of_output=True)

ceil = _steps("ceil", np.ceil, "The smallest integer that is not below x.")
floor = _steps("floor", np.floor, "The largest integer that is not above x.")
trunc = _steps("trunc", np.trunc, "The integer part of x: towards zero.")
# fmt: on


def abs(input: Tensor) -> Tensor:
    """|x|; the gradient at 0 is 0."""
    x = need_tensor(input, "abs")
    return record(quiet.call(np.abs, x.array), (x,), _abs_gradient, x)


def _abs_gradient(dy, needs, x):
    return (dy * np.sign(x),)


def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1, and 0 for NaN."""
    x = need_tensor(input, "sign")
    kind = x.array.dtype.kind
    y = x.array.copy() if kind == "b" else quiet.call(np.sign, x.array)
    if kind == "f":
        y = np.where(np.isnan(y), x.array.dtype.type(0), y)
    return record(y, (x,), _sign_gradient)


def _sign_gradient(dy, needs):
    return (np.zeros_like(dy),)


def square(input: Tensor) -> Tensor:
    """x * x; integers stay integers."""
    x = need_tensor(input, "square")
    x = cast(x, dtypes.int64) if x.array.dtype.kind == "b" else x
    return record(quiet.call(np.multiply, x.array, x.array), (x,), _square_gradient, x)


def _square_gradient(dy, needs, x):
    return (dy * (2 * x),)


def frac(input: Tensor) -> Tensor:
    """x - trunc(x), with the sign of x."""
    x = floating(need_tensor(input, "frac"))
    return record(quiet.call(_frac, x.array), (x,), _frac_gradient)


def _frac(x):
    return x - np.trunc(x)


def _frac_gradient(dy, needs):
    return (dy,)


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest integer, halves to the even one; or the nearest multiple of 10^-decimals."""
    x = need_kind(need_tensor(input, "round"), "iuf", "round")
    return record(quiet.call(np.round, x.array, decimals), (x,), _round_gradient)


def _round_gradient(dy, needs):
    return (np.zeros_like(dy),)


_function: Any
for _function in (abs, frac, round, sign, square):
    method(_function)
    in_place(_function)
method(abs, "absolute", "__abs__")
method(lambda self, ndigits=None: round(self, decimals=ndigits or 0), "__round__")
method(trunc, "__trunc__", "fix")
absolute, fix = abs, trunc
arccos, arccosh, arcsin, arcsinh, arctan, arctanh = acos, acosh, asin, asinh, atan, atanh
for _name in ("arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh"):
    method(globals()[_name], _name)
