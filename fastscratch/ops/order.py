"""What depends on the order of elements: the largest and smallest, sorting, medians, ranks."""

from typing import Any, NamedTuple

import numpy as np

from ..tape import OUTPUT
from ..tensor import Tensor, method, record, wrap
from .operands import axes_of, axis_of, need_kind, need_tensor, quiet, reduced
from .selection import maximum, minimum

__all__ = [
    "amax", "amin", "aminmax", "argmax", "argmin", "argsort", "bincount", "histc", "max", "median", "min",
    "searchsorted", "sort", "topk", "unique",
]  # fmt: skip


class ValuesIndices(NamedTuple):
    """What is returned where values were chosen along an axis: they, and where they were found."""

    values: Tensor
    indices: Tensor


class MinMax(NamedTuple):
    """What aminmax returns."""

    min: Tensor
    max: Tensor


def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The largest element over the axes in dim, or over all; equal ones share the gradient evenly. NaN wins."""
    return _extreme(input, dim, keepdim, np.maximum, "amax")


def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The smallest element over the axes in dim, or over all; equal ones share the gradient evenly. NaN wins."""
    return _extreme(input, dim, keepdim, np.minimum, "amin")


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> MinMax:
    """The smallest and the largest element."""
    return MinMax(amin(input, () if dim is None else dim, keepdim), amax(input, () if dim is None else dim, keepdim))


def _extreme(input: Tensor, dim: Any, keepdim: bool, ufunc: Any, operation: str) -> Tensor:
    x = need_tensor(input, operation)
    axes = axes_of(dim, x.ndim, operation)
    _need_elements(x, axes, operation)
    y = np.asarray(reduced(ufunc, x.array, axes, keepdim))
    return record(y, (x,), _extreme_gradient, x, OUTPUT, axes)


def _extreme_gradient(dy, needs, x, y, axes):
    kept = [1 if i in axes else s for i, s in enumerate(x.shape)]
    dy, y = dy.reshape(kept), y.reshape(kept)
    reached = (x == y) | (np.isnan(x) & np.isnan(y))
    return (reached * (dy / reached.sum(axis=axes, keepdims=True).astype(dy.dtype)),)


def _need_elements(x: Tensor, axes: tuple[int, ...], operation: str) -> None:
    for axis in axes:
        if x.array.ndim and x.shape[axis] == 0:
            raise (IndexError if len(axes) < x.ndim or x.ndim == 1 else RuntimeError)(
                f"{operation}: axis {axis} of shape {x.shape} has no elements, and there is no answer for none"
            )


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element; along an axis, (values, indices); of two tensors, :func:`maximum`.

    Notes
    -----
    Ties along an axis go to the first index, which alone gets the gradient; over all elements they share it.
    """
    return _max_or_min(input, dim, keepdim, amax, maximum, np.argmax, "max")


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; along an axis, (values, indices); of two tensors, :func:`minimum`. Ties: see :func:`max`."""
    return _max_or_min(input, dim, keepdim, amin, minimum, np.argmin, "min")


def _max_or_min(input: Tensor, dim: Any, keepdim: bool, of_all: Any, of_two: Any, arg: Any, operation: str) -> Any:
    if isinstance(dim, Tensor):
        return of_two(input, dim)
    x = need_tensor(input, operation)
    if dim is None:
        if not x.array.size:
            raise RuntimeError(f"{operation}: shape {x.shape} has no elements, and there is no answer for none")
        return of_all(x)
    axis = axis_of(dim, x.ndim, operation)
    _need_elements(x, (axis,), operation)
    if x.ndim == 0:
        return ValuesIndices(of_all(x), wrap(np.int64(0)))
    return _at(x, np.expand_dims(arg(x.array, axis=axis), axis), axis, keepdim)


def _at(x: Tensor, indices: Any, axis: int, keepdim: bool = True) -> ValuesIndices:
    """What stands at the indices along an axis, with the indices."""
    values = quiet.call(np.take_along_axis, x.array, indices, axis)
    if not keepdim:
        values = values.squeeze(axis)
    y = record(values, (x,), _at_gradient, indices, axis, x.shape)
    return ValuesIndices(y, wrap(indices if keepdim else indices.squeeze(axis)))


def _at_gradient(dy, needs, indices, axis, shape):
    dx = np.zeros(shape, dy.dtype)
    np.put_along_axis(dx, indices, dy.reshape(indices.shape), axis)
    return (dx,)


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the largest element is: along an axis, or in the flattened tensor. Ties go to the first; NaN wins."""
    return _arg(np.argmax, input, dim, keepdim, "argmax")


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the smallest element is: along an axis, or in the flattened tensor. Ties go to the first; NaN wins."""
    return _arg(np.argmin, input, dim, keepdim, "argmin")


def _arg(function: Any, input: Tensor, dim: int | None, keepdim: bool, operation: str) -> Tensor:
    x = need_tensor(input, operation)
    axis = None if dim is None else axis_of(dim, x.ndim, operation)
    if not x.array.size:
        _need_elements(x, tuple(range(x.ndim)) if axis is None else (axis,), operation)
    if x.ndim == 0:
        return wrap(np.int64(0))
    return wrap(np.asarray(function(x.array, axis=axis, keepdims=keepdim), np.int64))


def sort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False) -> ValuesIndices:
    """(values, indices) in order along an axis, equal ones in the order found; NaN counts as the largest."""
    x = need_tensor(input, "sort")
    axis = axis_of(dim, x.ndim, "sort")
    if x.ndim == 0:
        return ValuesIndices(x.clone(), wrap(np.int64(0)))
    return _at(x, _ranking(x.array, axis, descending), axis)


def argsort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Tensor:
    """The indices that sort along an axis; see :func:`sort`."""
    return sort(input.detach(), dim, descending).indices


def _ranking(x: Any, axis: int, descending: bool) -> Any:
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    # Stable from the far end, then turned: largest first (NaN before all), equal ones in the order found.
    turned = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return np.ascontiguousarray(np.flip(x.shape[axis] - 1 - turned, axis))


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesIndices:
    """(values, indices) of the k largest, or smallest, along an axis, best first.

    Raises
    ------
    RuntimeError
        If the axis has fewer than k elements.
    """
    x = need_tensor(input, "topk")
    axis = axis_of(dim, x.ndim, "topk")
    size = x.shape[axis] if x.ndim else 1
    if not 0 <= k <= size:
        raise RuntimeError(f"topk: k must be in [0, {size}] for axis {axis} of shape {x.shape}, got {k}")
    if x.ndim == 0:
        return ValuesIndices(x.clone(), wrap(np.int64(0)))
    best = _ranking(x.array, axis, largest)
    return _at(x, best[(slice(None),) * axis + (slice(k),)], axis)


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The element in the middle of the order, the lower one of two; along an axis, (values, indices). NaN if any is."""
    x = need_tensor(input, "median")
    if dim is None:
        if not x.array.size:
            return wrap(np.array(np.nan, x.dtype))
        return median(x.reshape(-1), 0).values
    axis = axis_of(dim, x.ndim, "median")
    if x.ndim == 0:
        return ValuesIndices(x.clone(), wrap(np.int64(0)))
    _need_elements(x, (axis,), "median")
    order = np.argsort(x.array, axis=axis, kind="stable")
    middle = np.take(order, [(x.shape[axis] - 1) // 2], axis=axis)
    if x.dtype.kind == "f":
        nan = np.isnan(x.array)
        first = np.expand_dims(nan.argmax(axis=axis), axis)
        middle = np.where(nan.any(axis=axis, keepdims=True), first, middle)
    return _at(x, middle, axis, keepdim)


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements in order (or slices along dim); on request also where each went, and how often it occurs."""
    x = need_tensor(input, "unique")
    values, inverse, counts = np.unique(x.array, return_inverse=True, return_counts=True, axis=dim)
    shape = x.shape if dim is None else (-1,)
    found = (wrap(values), wrap(inverse.reshape(shape)), wrap(counts))
    asked = [t for t, wanted in zip(found, (True, return_inverse, return_counts), strict=True) if wanted]
    return asked[0] if len(asked) == 1 else tuple(asked)


_MOST_COUNTS = np.iinfo(np.intp).max // 16


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, ... occurs in a vector of non-negative integers, or the sum of its weights."""
    x = need_kind(need_tensor(input, "bincount"), "iu", "bincount")
    if x.ndim != 1 or (x.array.size and x.array.min() < 0):
        raise RuntimeError(f"bincount: expected a vector of non-negative integers, got shape {x.shape}")
    if x.array.size and x.array.max() > _MOST_COUNTS:  # NumPy's own count of them would come round (2.4)
        raise MemoryError(f"bincount: no memory for a count of each number up to {x.array.max()}")
    counts = np.bincount(x.array, None if weights is None else weights.array, minlength)
    return wrap(counts if weights is None or weights.dtype != np.float32 else counts.astype(np.float32))


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall in each of equal bins between min and max (those of the data if both are 0)."""
    x = need_kind(need_tensor(input, "histc"), "f", "histc")
    low, high = (float(min), float(max)) if (min, max) != (0, 0) or not x.array.size else (x.array.min(), x.array.max())
    return wrap(np.histogram(x.array, bins, (low, high))[0].astype(x.dtype))


def searchsorted(sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """Where the elements of input belong in a sorted vector, or row by row in a sorted tensor."""
    rows = need_tensor(sorted_sequence, "searchsorted").array
    values = input.array if isinstance(input, Tensor) else np.asarray(input, rows.dtype)
    side: Any = "right" if right else "left"
    kind = np.int32 if out_int32 else np.int64
    if rows.ndim == 1:
        return wrap(np.searchsorted(rows, values, side).astype(kind))
    if rows.shape[:-1] != values.shape[:-1]:
        raise RuntimeError(f"searchsorted: shapes {rows.shape} and {values.shape} differ before the last axis")
    found = np.empty(values.shape, kind)
    for at in np.ndindex(rows.shape[:-1]):
        found[at] = np.searchsorted(rows[at], values[at], side)
    return wrap(found)


_function: Any
for _function in (
    amax, amin, aminmax, argmax, argmin, argsort, bincount, histc, max, median, min, sort, topk, unique,
):  # fmt: skip
    method(_function)
