"""Changing the shape: views where the strides allow it."""

from typing import Any

import numpy as np

from ..tensor import Tensor, method, record, record_view
from .operands import axis_of, need_tensor

__all__ = ["permute", "reshape", "t", "transpose"]


def _sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """reshape(2, 3) and reshape((2, 3)) alike."""
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    return tuple(int(s) for s in sizes)


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The same elements, in the same logical order, in another shape; a view where the strides allow it, else a copy."""
    x, sizes = need_tensor(input, "reshape"), _sizes(shape)
    try:
        y = x.array.reshape(sizes)
    except ValueError:
        raise RuntimeError(f"reshape: shape {sizes} is invalid for a tensor of shape {x.shape}") from None
    share = np.may_share_memory(y, x.array)
    return (record_view if share else _record_copy)(y, x, _reshape_gradient, x.shape)


def _record_copy(y: Any, x: Tensor, gradient: Any, *saved: Any) -> Tensor:
    return record(y, (x,), gradient, *saved)


def _reshape_gradient(dy, needs, shape):
    return (dy.reshape(shape),)


def permute(input: Tensor, *dims: Any) -> Tensor:
    """The axes in another order; always a view."""
    x, order = need_tensor(input, "permute"), _sizes(dims)
    axes = tuple(axis_of(d, x.ndim, "permute") for d in order)
    if sorted(axes) != list(range(x.ndim)):
        raise RuntimeError(f"permute: {order} is not an order of the {x.ndim} axes of shape {x.shape}")
    return record_view(x.array.transpose(axes), x, _permute_gradient, tuple(int(i) for i in np.argsort(axes)))


def _permute_gradient(dy, needs, inverse):
    return (dy.transpose(inverse),)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged; always a view."""
    x = need_tensor(input, "transpose")
    i, j = axis_of(dim0, x.ndim, "transpose"), axis_of(dim1, x.ndim, "transpose")
    return record_view(x.array.swapaxes(i, j) if x.ndim else x.array, x, _transpose_gradient, i, j)


def _transpose_gradient(dy, needs, i, j):
    return (dy.swapaxes(i, j) if dy.ndim else dy,)


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; vectors and scalars as they are."""
    x = need_tensor(input, "t")
    if x.ndim > 2:
        raise RuntimeError(f"t: expected at most 2 axes, got shape {x.shape}")
    return transpose(x, 0, 1) if x.ndim == 2 else x


for _function in (reshape, permute, transpose, t):
    method(_function)
setattr(Tensor, "T", property(lambda self: permute(self, *reversed(range(self.ndim)))))  # noqa: B010
