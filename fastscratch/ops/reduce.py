"""Reductions: many elements to one, over some axes or all."""

from typing import Any

import numpy as np

from .. import dtypes
from ..tensor import Tensor, method, record
from .operands import axes_of, cast, need_tensor

__all__ = ["mean", "sum"]


def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over the axes in dim, or over all; integers and booleans sum to int64."""
    x = need_tensor(input, "sum")
    if dtype is not None:
        x = cast(x, dtypes.as_dtype(dtype))
    elif x.dtype.kind != "f":
        x = cast(x, dtypes.int64)
    axes = axes_of(dim, x.ndim, "sum")
    return record(np.asarray(x.array.sum(axis=axes, keepdims=keepdim)), (x,), _sum_gradient, x.shape, axes)


def _sum_gradient(dy, needs, shape, axes):
    return (np.broadcast_to(restore_axes(dy, shape, axes), shape),)


def restore_axes(reduced: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """The result of a reduction with the reduced axes put back, of size 1."""
    return reduced.reshape([1 if i in axes else size for i, size in enumerate(shape)])


def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The arithmetic mean over the axes in dim, or over all; floating tensors only."""
    x = need_tensor(input, "mean")
    x = x if dtype is None else cast(x, dtypes.as_dtype(dtype))
    if x.dtype.kind != "f":
        raise RuntimeError(f"mean: expected a floating dtype, got {x.dtype}; use mean(dtype=...)")
    axes = axes_of(dim, x.ndim, "mean")
    count = int(np.prod([x.shape[a] for a in axes], dtype=np.int64))
    with np.errstate(all="ignore"):
        y = np.asarray(x.array.sum(axis=axes, keepdims=keepdim) / x.dtype.type(count))
    return record(y, (x,), _mean_gradient, x.shape, axes, count)


def _mean_gradient(dy, needs, shape, axes, count):
    return (np.broadcast_to(restore_axes(dy / dy.dtype.type(count), shape, axes), shape),)


for _function in (sum, mean):
    method(_function)
