"""Reductions: many elements to one, over some axes or all; and running sums and products."""

import math
from typing import Any

import numpy as np

from .. import backend, dtypes
from ..backend.broadcast import stretch
from ..quiet import quietly
from ..tape import OUTPUT
from ..tensor import Tensor, cast, in_place, method, record, wrap
from .arithmetic import sub
from .operands import axes_of, axis_of, need_kind, need_tensor, quiet, reduced

__all__ = [
    "all", "any", "cdist", "count_nonzero", "cumprod", "cumsum", "dist", "mean", "nanmean", "nansum", "norm",
    "prod", "quantile", "std", "std_mean", "sum", "var", "var_mean",
]  # fmt: skip


def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over the axes in dim, or over all; integers and booleans sum to int64."""
    x = _widened(need_tensor(input, "sum"), dtype)
    if dim is None and not keepdim and x.array.dtype.char in "fd":
        return record(backend.sum_all(x.array), (x,), _sum__all_gradient, x.array.shape)
    axes = None if dim is None and not keepdim else axes_of(dim, x.array.ndim, "sum")
    y = reduced(np.add, x.array, axes, keepdim)
    return record(y, (x,), _sum_gradient, x.array.shape, axes)


def _sum__all_gradient(dy, needs, shape):
    return (stretch(dy, shape),)


def _sum_gradient(dy, needs, shape, axes):
    return (np.broadcast_to(dy if axes is None else restore_axes(dy, shape, axes), shape),)


def _widened(x: Tensor, dtype: Any) -> Tensor:
    """What sums and products are computed in: the dtype asked for, floating as it is, everything else int64."""
    if dtype is not None:
        return cast(x, dtypes.as_dtype(dtype))
    return x if x.array.dtype.kind == "f" else cast(x, dtypes.int64)


def restore_axes(reduced: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """The result of a reduction with the reduced axes put back, of size 1."""
    return reduced.reshape([1 if i in axes else size for i, size in enumerate(shape)])


def _count(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    return math.prod(shape[axis] for axis in axes)


def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The arithmetic mean over the axes in dim, or over all; floating tensors only."""
    x = need_tensor(input, "mean")
    x = x if dtype is None else cast(x, dtypes.as_dtype(dtype))
    array = x.array
    size = array.size
    if dim is None and not keepdim and array.dtype.char in "fd" and size:
        return record(backend.mean_all(array), (x,), _mean__all_gradient, array.shape, size)
    if x.dtype.kind != "f":
        raise RuntimeError(f"mean: expected a floating dtype, got {x.dtype}; use mean(dtype=...)")
    axes = axes_of(dim, x.ndim, "mean")
    count = _count(x.shape, axes)
    y = quiet.call(np.divide, reduced(np.add, x.array, axes, keepdim), x.dtype.type(count))
    return record(y, (x,), _mean_gradient, x.shape, axes, count)


def _mean__all_gradient(dy, needs, shape, size):
    return (stretch(backend.div(dy, size), shape),)


def _mean_gradient(dy, needs, shape, axes, count):
    return (np.broadcast_to(restore_axes(dy / dy.dtype.type(count), shape, axes), shape),)


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The variance: sum((x - mean)^2) / (n - correction), over the axes in dim or over all.

    Parameters
    ----------
    input : Tensor, floating
    dim : int or tuple of int, optional
    unbiased : bool, optional
        The older name: True is correction 1, False is correction 0.
    keepdim : bool
    correction : float, default 1

    Notes
    -----
    Two passes, so that a large mean costs no accuracy. With n <= correction the result is NaN or infinite.
    """
    return _moments(input, dim, unbiased, keepdim, correction, "var")[0]


def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """(variance, mean); see :func:`var`."""
    return _moments(input, dim, unbiased, keepdim, correction, "var_mean")


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The standard deviation, the root of the variance; see :func:`var`."""
    return _moments(input, dim, unbiased, keepdim, correction, "std")[0].sqrt()


def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """(standard deviation, mean); see :func:`var`."""
    variance, center = _moments(input, dim, unbiased, keepdim, correction, "std_mean")
    return variance.sqrt(), center


def _moments(
    input: Tensor, dim: Any, unbiased: bool | None, keepdim: bool, correction: float | None, operation: str
) -> tuple[Tensor, Tensor]:
    x = need_kind(need_tensor(input, operation), "f", operation)
    if isinstance(dim, bool):  # var(unbiased) is an older signature
        dim, unbiased = None, dim
    if unbiased is not None:
        if correction is not None:
            raise TypeError(f"{operation}: give unbiased or correction, not both")
        correction = float(unbiased)
    axes = axes_of(dim, x.ndim, operation)
    degrees = max(_count(x.shape, axes) - (1 if correction is None else correction), 0)
    with quietly():
        count = x.array.dtype.type(_count(x.shape, axes))
        center = np.asarray(np.add.reduce(x.array, axis=axes, keepdims=True) / count)
        apart = x.array - center
        squares = reduced(np.add, apart * apart, axes, keepdim)
        y = np.asarray(squares / x.array.dtype.type(degrees))
    variance = record(y, (x,), _var_gradient, apart, axes, degrees)
    return variance, record(
        center if keepdim else center.squeeze(axes), (x,), _mean_gradient, x.shape, axes, int(count)
    )


def _var_gradient(dy, needs, apart, axes, degrees):
    return (apart * restore_axes(dy * (2 / apart.dtype.type(degrees)), apart.shape, axes),)


def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The product over one axis, or over all; integers and booleans multiply to int64."""
    x = _widened(need_tensor(input, "prod"), dtype)
    axes = axes_of(None if dim is None else axis_of(dim, x.ndim, "prod"), x.ndim, "prod")
    y = reduced(np.multiply, x.array, axes, keepdim)
    return record(y, (x,), _prod_gradient, x, axes)


def _prod_gradient(dy, needs, x, axes):
    """The product of all the others: from the left times from the right, so that zeros do no harm."""
    last = tuple(range(x.ndim - len(axes), x.ndim))
    moved = np.moveaxis(x, axes, last)
    rows = moved.reshape(*moved.shape[: x.ndim - len(axes)], -1)
    others = np.ones_like(rows)
    others[..., 1:] = np.cumprod(rows[..., :-1], axis=-1)
    others[..., :-1] *= np.cumprod(rows[..., :0:-1], axis=-1)[..., ::-1]
    return (np.moveaxis(others.reshape(moved.shape), last, axes) * restore_axes(dy, x.shape, axes),)


def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Running sums along an axis."""
    x = _widened(need_tensor(input, "cumsum"), dtype)
    axis = axis_of(dim, x.ndim, "cumsum")
    if x.ndim == 0:
        return record(x.array.copy(), (x,), _same_gradient)
    return record(quiet.call(np.add.accumulate, x.array, axis), (x,), _cumsum_gradient, axis)


def _same_gradient(dy, needs):
    return (dy,)


def _cumsum_gradient(dy, needs, axis):
    return (np.flip(np.cumsum(np.flip(dy, axis), axis), axis),)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Running products along an axis."""
    x = _widened(need_tensor(input, "cumprod"), dtype)
    axis = axis_of(dim, x.ndim, "cumprod")
    if x.ndim == 0:
        return record(x.array.copy(), (x,), _same_gradient)
    return record(quiet.call(np.multiply.accumulate, x.array, axis), (x,), _cumprod_gradient, x, axis)


def _cumprod_gradient(dy, needs, x, axis):
    """Without a zero: sum over j >= i of dy_j y_j, over x_i. With zeros that would be 0/0, and each i is summed apart."""
    a, d = np.moveaxis(x, axis, -1), np.moveaxis(dy, axis, -1)
    if a.all():
        tail = np.flip(np.cumsum(np.flip(d * np.cumprod(a, -1), -1), -1), -1)
        return (np.moveaxis(tail / a, -1, axis),)
    dx = np.empty_like(a)
    for i in range(a.shape[-1]):
        others = np.array(a)
        others[..., i] = 1
        dx[..., i] = (d * np.cumprod(others, -1))[..., i:].sum(-1)
    return (np.moveaxis(dx, -1, axis),)


def norm(input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The p-norm (sum |x|^p)^(1/p) over the axes in dim, or over all.

    Parameters
    ----------
    input : Tensor, floating
    p : float, inf, -inf, 0 or "fro"
        "fro" and None are 2; 0 counts what is not zero; infinities take the largest or smallest |x|.

    Notes
    -----
    The gradient at zero is zero. Equal largest elements share it.
    """
    x = need_tensor(input, "norm")
    x = need_kind(x if dtype is None else cast(x, dtypes.as_dtype(dtype)), "f", "norm")
    order = 2.0 if p in ("fro", None) else float(p)
    axes = axes_of(dim, x.ndim, "norm")
    with quietly():
        y = np.asarray(_norm(np.abs(x.array), order, axes))
    shape = y.shape if keepdim else tuple(s for i, s in enumerate(x.shape) if i not in axes)
    return record(y.reshape(shape), (x,), _norm_gradient, x, OUTPUT, order, axes)


def _norm(size, p, axes):
    if math.isinf(p):
        return (np.maximum if p > 0 else np.minimum).reduce(size, axis=axes, keepdims=True)
    if p == 0:
        return np.add.reduce((size != 0).astype(size.dtype), axis=axes, keepdims=True)
    powers = size if p == 1 else size * size if p == 2 else size**p
    total = np.add.reduce(powers, axis=axes, keepdims=True)
    return total if p == 1 else np.sqrt(total) if p == 2 else total ** (1 / p)


def _norm_gradient(dy, needs, x, y, p, axes):
    kept = [1 if i in axes else s for i, s in enumerate(x.shape)]
    dy, y = dy.reshape(kept), y.reshape(kept)
    if math.isinf(p):
        reached = (np.abs(x) == y) | np.isnan(y)
        return (np.sign(x) * reached * (dy / reached.sum(axis=axes, keepdims=True, dtype=dy.dtype)),)
    if p == 0:
        return (np.zeros_like(x),)
    if p == 1:
        return (np.sign(x) * dy,)
    scaled = x * (dy / y) if p == 2 else np.sign(x) * np.abs(x) ** (p - 1) * (dy / y ** (p - 1))
    return (np.where(y == 0, 0, scaled),)


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of input - other."""
    return norm(sub(input, other), p)


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0) -> Tensor:
    """The p-norms of all differences of a row of x1 and a row of x2, (..., n, d) and (..., m, d) to (..., n, m)."""
    a, b = need_tensor(x1, "cdist"), need_tensor(x2, "cdist")
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-1]:
        raise RuntimeError(f"cdist: expected rows of equal length, got shapes {a.shape} and {b.shape}")
    return norm(sub(a.unsqueeze(-2), b.unsqueeze(-3)), p, -1)


def quantile(input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The q-quantiles, interpolated linearly, over an axis or over all; several q come first in the shape. NaN stays."""
    x = need_kind(need_tensor(input, "quantile"), "f", "quantile")
    parts = q.array if isinstance(q, Tensor) else np.asarray(q, x.dtype)
    if not ((parts >= 0) & (parts <= 1)).all():
        raise RuntimeError("quantile: q must be in [0, 1]")
    axis = 0 if dim is None else axis_of(dim, x.ndim, "quantile")
    rows = x.reshape(-1) if dim is None else x
    order = rows.sort(axis).values
    at = parts * (rows.shape[axis] - 1)
    low = np.floor(at).astype(np.int64)
    shape = [-1 if i == axis else 1 for i in range(rows.ndim)]
    weight = wrap(np.asarray(at - low, x.dtype).reshape(shape))
    below = order.index_select(axis, wrap(low.reshape(-1)))
    above = order.index_select(axis, wrap(np.minimum(low + 1, rows.shape[axis] - 1).reshape(-1)))
    y = (below + (above - below) * weight).where(wrap(~np.isnan(rows.array).any(axis=axis, keepdims=True)), np.nan)
    if dim is None and keepdim:
        y = y.reshape(-1, *(1,) * x.ndim)
    elif keepdim:
        y = y.unsqueeze(0).transpose(0, axis + 1)
    else:
        y = y.movedim(axis, 0)
    return y if parts.ndim else y.squeeze(0)


def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Is every element, along the axes in dim or of all, not zero?"""
    x = need_tensor(input, "all")
    return wrap(reduced(np.logical_and, x.array, axes_of(dim, x.ndim, "all"), keepdim))


def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Is there an element, along the axes in dim or of all, that is not zero?"""
    x = need_tensor(input, "any")
    return wrap(reduced(np.logical_or, x.array, axes_of(dim, x.ndim, "any"), keepdim))


def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not zero."""
    x = need_tensor(input, "count_nonzero")
    return wrap(np.count_nonzero(x.array, axis=axes_of(dim, x.ndim, "count_nonzero")))


def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum of what is not NaN."""
    return sum(_zero_nan(input, "nansum"), dim, keepdim, dtype=dtype)


def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of what is not NaN."""
    known = wrap(~np.isnan(need_tensor(input, "nanmean").array))
    return sum(_zero_nan(input, "nanmean"), dim, keepdim, dtype=dtype) / sum(known, dim, keepdim)


def _zero_nan(input: Tensor, operation: str) -> Tensor:
    x = need_tensor(input, operation)
    nan = np.isnan(x.array)
    return record(np.where(nan, x.array.dtype.type(0), x.array), (x,), _zero_nan_gradient, nan)


def _zero_nan_gradient(dy, needs, nan):
    return (np.where(nan, 0, dy),)


_function: Any
for _function in (
    all, any, count_nonzero, cumprod, cumsum, dist, mean, nanmean, nansum, norm, prod, quantile, std, sum, var,
):  # fmt: skip
    method(_function)
in_place(cumprod)
in_place(cumsum)
