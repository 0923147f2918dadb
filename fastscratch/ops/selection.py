"""Choosing between elements: by a condition, by size, by bounds."""

from typing import Any

import numpy as np

from ..backend.broadcast import sum_to
from ..tensor import Tensor, in_place, method, record, wrap
from .operands import elementwise, is_number, need_kind, need_tensor, pair, quiet

__all__ = ["clamp", "clamp_max", "clamp_min", "clip", "fmax", "fmin", "maximum", "minimum", "nan_to_num", "where"]


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """input where the condition holds, else other, broadcast; with the condition alone, its nonzero places.

    Raises
    ------
    RuntimeError
        If the condition is not boolean or the shapes do not broadcast.
    """
    holds = need_tensor(condition, "where")
    if input is None and other is None:
        return tuple(wrap(places) for places in np.nonzero(np.atleast_1d(holds.array)))
    if input is None or other is None:
        raise TypeError("where: expected a condition alone, or a condition and both alternatives")
    chooses = need_kind(holds, "bu", "where").array.astype(bool, copy=False)
    if is_number(input) and is_number(other):
        input, other = Tensor(input), Tensor(other)
    a, b = pair(input, other, "where")
    try:
        y = quiet.call(np.where, chooses, a.array, b.array)
    except ValueError:
        raise RuntimeError(f"where: shapes {holds.shape}, {a.shape} and {b.shape} do not broadcast") from None
    return record(y, (a, b), _where_gradient, chooses, a.shape, b.shape)


def _where_gradient(dy, needs, chooses, a_shape, b_shape):
    zero = dy.dtype.type(0)
    da = sum_to(np.where(chooses, dy, zero), a_shape) if needs[0] else None
    db = sum_to(np.where(chooses, zero, dy), b_shape) if needs[1] else None
    return da, db


def maximum(input: Tensor, other: Any) -> Tensor:
    """The larger of two, broadcast; NaN if either is. At a tie each gets half the gradient."""
    return _extreme(np.maximum, np.greater, input, other, "maximum")


def minimum(input: Tensor, other: Any) -> Tensor:
    """The smaller of two, broadcast; NaN if either is. At a tie each gets half the gradient."""
    return _extreme(np.minimum, np.less, input, other, "minimum")


def _extreme(ufunc: Any, wins: Any, input: Any, other: Any, operation: str) -> Tensor:
    a, b = pair(input, other, operation)
    return record(elementwise(ufunc, a, b, operation), (a, b), _extreme_gradient, a, b, wins)


def _extreme_gradient(dy, needs, a, b, wins):
    # As PyTorch: what loses gets nothing, so where one is NaN (nobody loses) both get all.
    half = np.where(a == b, dy / 2, dy)
    zero = dy.dtype.type(0)
    da = sum_to(np.where(wins(b, a), zero, half), a.shape) if needs[0] else None
    db = sum_to(np.where(wins(a, b), zero, half), b.shape) if needs[1] else None
    return da, db


def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two, the other where one is NaN; at a tie the first gets the gradient."""
    a, b = pair(input, other, "fmax")
    return record(elementwise(np.fmax, a, b, "fmax"), (a, b), _fmax_gradient, a, b)


def _fmax_gradient(dy, needs, a, b):
    first = (a >= b) | np.isnan(b)
    return sum_to(np.where(first, dy, 0), a.shape), sum_to(np.where(first, 0, dy), b.shape)


def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two, the other where one is NaN; at a tie the first gets the gradient."""
    a, b = pair(input, other, "fmin")
    return record(elementwise(np.fmin, a, b, "fmin"), (a, b), _fmin_gradient, a, b)


def _fmin_gradient(dy, needs, a, b):
    first = (a <= b) | np.isnan(b)
    return sum_to(np.where(first, dy, 0), a.shape), sum_to(np.where(first, 0, dy), b.shape)


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Elements below min raised to it, above max lowered to it; max wins if min > max. NaN stays.

    Parameters
    ----------
    input : Tensor
    min, max : number or Tensor, optional
        At least one of the two. Tensors broadcast.

    Notes
    -----
    The gradient passes where min <= input <= max, and to a bound where it is taken.
    """
    x = need_tensor(input, "clamp")
    if min is None and max is None:
        raise RuntimeError("clamp: at least one of min and max must be given")
    low = high = None
    if min is not None:
        x, low = pair(x, min, "clamp")
    if max is not None:
        x, high = pair(x, max, "clamp")
    if low is not None:
        x, low = pair(x, low, "clamp")  # max may have brought another dtype
    raised = x if low is None else wrap(elementwise(np.maximum, x, low, "clamp"))
    y = raised.array if high is None else elementwise(np.minimum, raised, high, "clamp")
    return record(y, (x, low, high), _clamp_gradient, x, low, high)


def _clamp_gradient(dy, needs, x, low, high):
    below = np.False_ if low is None else x < low
    above = np.False_ if high is None else (x if low is None else np.maximum(x, low)) > high
    dx = sum_to(np.where(below | above, 0, dy), x.shape) if needs[0] else None
    dlow = sum_to(np.where(below & ~above, dy, 0), low.shape) if needs[1] else None
    dhigh = sum_to(np.where(above, dy, 0), high.shape) if needs[2] else None
    return dx, dlow, dhigh


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """Elements below min raised to it."""
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """Elements above max lowered to it."""
    return clamp(input, max=max)


def nan_to_num(
    input: Tensor, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """NaN and infinities replaced by numbers; infinities by the largest of the dtype unless given."""
    x = need_tensor(input, "nan_to_num")
    if x.dtype.kind != "f":
        return wrap(x.array.copy())
    y = quiet.call(np.nan_to_num, x.array, nan=nan or 0.0, posinf=posinf, neginf=neginf)
    return record(y, (x,), _nan_to_num_gradient, x)


def _nan_to_num_gradient(dy, needs, x):
    return (np.where(np.isfinite(x), dy, dy.dtype.type(0)),)


_function: Any
for _function in (clamp, clamp_max, clamp_min, fmax, fmin, maximum, minimum, nan_to_num):
    method(_function)
in_place(clamp, "clip_")
for _function in (clamp_max, clamp_min, nan_to_num):
    in_place(_function)
method(clamp, "clip")
method(lambda self, condition, other: where(condition, self, other), "where")
clip = clamp
