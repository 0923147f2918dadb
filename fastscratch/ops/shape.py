"""Other shapes of the same elements: views where the strides allow it."""

import math
from typing import Any

import numpy as np

from .. import backend
from ..device import channels_last
from ..tensor import Tensor, in_shape, method, record, record_view
from .operands import axis_of, need_tensor, quiet, sizes_of

__all__ = [
    "atleast_1d", "atleast_2d", "broadcast_shapes", "broadcast_tensors", "broadcast_to", "clone", "detach",
    "diagonal", "flatten", "moveaxis", "movedim", "narrow", "permute", "ravel", "reshape", "select", "squeeze",
    "swapaxes", "swapdims", "t", "transpose", "unbind", "unflatten", "unsqueeze",
]  # fmt: skip

_FLOATS = "fd"  # what kernels take, as characters of NumPy


def reshape(input: Tensor, *sizes: Any, shape: Any = None) -> Tensor:
    """The same elements, in the same logical order, in another shape; a view where the strides allow it, else a copy.

    Parameters
    ----------
    input : Tensor
    sizes : ints, or a tuple of ints (also named: shape)
        One may be -1: it takes what the others leave.

    Raises
    ------
    RuntimeError
        If the number of elements is not the same.
    """
    y = in_shape(input, sizes, _reshape_gradient) if shape is None else None
    if y is not None:
        return y
    return _in_shape(need_tensor(input, "reshape"), sizes_of(sizes, shape))


def _in_shape(x: Tensor, wanted: tuple[int, ...]) -> Tensor:
    array = x.array
    try:
        if min(wanted, default=0) < -1:
            raise ValueError("NumPy takes any negative size for -1")
        if len(wanted) == 2 and _channels_inmost(array) and wanted[0] == len(array):
            return _copied_rows(x, wanted)
        y = quiet.call(array.reshape, wanted)
    except ValueError:
        raise RuntimeError(f"reshape: shape {wanted} is invalid for a tensor of shape {x.shape}") from None
    if y.base is array or array.flags.c_contiguous or np.may_share_memory(array, y):
        return record_view(y, x, _reshape_gradient, array.shape)
    return record(y, (x,), _reshape_gradient, array.shape)


def _channels_inmost(x: Any) -> bool:
    """Does each image lie pixel by pixel? As a row in logical order no strides can say it: our kernel copies it."""
    shape = x.shape
    return (
        len(shape) > 2
        and x.strides[1] == x.itemsize
        and x.dtype.char in _FLOATS
        and shape[1] > 1
        and math.prod(shape[2:]) > 1
    )


def _copied_rows(x: Tensor, wanted: tuple[int, ...]) -> Tensor:
    return record(backend.ordered_copy(x.array).reshape(wanted), (x,), _reshape_gradient, x.array.shape)


def _reshaped(x: Tensor, y: Any) -> Tensor:
    return record_view(y, x, _reshape_gradient, x.array.shape)


def _reshape_gradient(dy, needs, shape):
    return (dy.reshape(shape),)


def view(input: Tensor, *sizes: Any, size: Any = None, dtype: Any = None) -> Tensor:
    """reshape, or with a dtype the same bytes read as another type.

    Notes
    -----
    Where PyTorch would refuse because the strides forbid a view, this copies: memory layout is invisible here.
    """
    y = in_shape(input, sizes, _reshape_gradient) if size is None and dtype is None else None
    if y is not None:
        return y
    if len(sizes) == 1 and isinstance(sizes[0], (np.dtype, type)):
        dtype = sizes[0]
    if dtype is not None:
        return Tensor(need_tensor(input, "view").array.view(dtype))
    return reshape(input, *sizes, shape=size)


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """Reshaped to the other's shape."""
    return reshape(input, other.shape)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes from start_dim to end_dim, both included, made one."""
    x = need_tensor(input, "flatten")
    if type(start_dim) is type(end_dim) is int and start_dim == 1 and end_dim == -1 and _channels_inmost(x.array):
        shape = x.array.shape
        return _copied_rows(x, (shape[0], math.prod(shape[1:])))
    first, last = axis_of(start_dim, x.ndim, "flatten"), axis_of(end_dim, x.ndim, "flatten")
    if first > last:
        raise RuntimeError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim} in shape {x.shape}")
    if first == last and x.ndim:
        return x
    return reshape(x, (*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :]))


def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """One axis made several; one of the sizes may be -1."""
    x = need_tensor(input, "unflatten")
    axis = axis_of(dim, x.ndim, "unflatten")
    known = math.prod(s for s in sizes if s != -1)
    whole = [x.shape[axis] // known if s == -1 and known else s for s in sizes]
    if math.prod(whole) != x.shape[axis]:
        raise RuntimeError(
            f"unflatten: sizes {tuple(sizes)} do not multiply up to {x.shape[axis]}, the size of axis {dim}"
        )
    return reshape(x, (*x.shape[:axis], *whole, *x.shape[axis + 1 :]))


def ravel(input: Tensor) -> Tensor:
    """All elements in one axis."""
    return reshape(input, -1)


def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without the axes of size 1: all of them, or those in dim; a view."""
    x = need_tensor(input, "squeeze")
    axes = {axis_of(d, x.ndim, "squeeze") for d in (range(x.ndim) if dim is None else _listed(dim))}
    return _reshaped(x, x.array.reshape([s for i, s in enumerate(x.shape) if s != 1 or i not in axes]))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a new axis of size 1 before dim; a view."""
    x = need_tensor(input, "unsqueeze")
    return _reshaped(x, np.expand_dims(x.array, axis_of(dim, x.ndim + 1, "unsqueeze")))


def permute(input: Tensor, *order: Any, dims: Any = None) -> Tensor:
    """The axes in another order; a view."""
    x, wanted = need_tensor(input, "permute"), sizes_of(order, dims)
    axes = tuple(axis_of(d, x.ndim, "permute") for d in wanted)
    if sorted(axes) != list(range(x.ndim)):
        raise RuntimeError(f"permute: {wanted} is not an order of the {x.ndim} axes of shape {x.shape}")
    return _permuted(x, axes)


def _permuted(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    return record_view(x.array.transpose(axes), x, _permute_gradient, tuple(int(i) for i in np.argsort(axes)))


def _permute_gradient(dy, needs, inverse):
    return (dy.transpose(inverse),)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged; a view."""
    x = need_tensor(input, "transpose")
    i, j = axis_of(dim0, x.ndim, "transpose"), axis_of(dim1, x.ndim, "transpose")
    return record_view(x.array.swapaxes(i, j) if x.ndim else x.array.view(), x, _transpose_gradient, i, j)


def _transpose_gradient(dy, needs, i, j):
    return (dy.swapaxes(i, j) if dy.ndim else dy,)


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; vectors and scalars as they are."""
    x = need_tensor(input, "t")
    if x.ndim > 2:
        raise RuntimeError(f"t: expected at most 2 axes, got shape {x.shape}")
    return transpose(x, 0, 1) if x.ndim == 2 else x


def _listed(dim: Any) -> list[Any]:
    return list(dim) if isinstance(dim, (tuple, list)) else [dim]


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Axes moved to other places, the rest kept in order; a view."""
    x = need_tensor(input, "movedim")
    moved = [axis_of(d, x.ndim, "movedim") for d in _listed(source)]
    goals = [axis_of(d, x.ndim, "movedim") for d in _listed(destination)]
    if len(moved) != len(goals) or len(set(moved)) != len(moved) or len(set(goals)) != len(goals):
        raise RuntimeError(f"movedim: cannot move the axes {source} to {destination}")
    order = [axis for axis in range(x.ndim) if axis not in moved]
    for goal, axis in sorted(zip(goals, moved, strict=True)):
        order.insert(goal, axis)
    return _permuted(x, tuple(order))


def expand(input: Tensor, *sizes: Any, size: Any = None) -> Tensor:
    """Axes of size 1, or new ones in front, stretched; -1 keeps a size. A view that cannot be written to."""
    x, wanted = need_tensor(input, "expand"), sizes_of(sizes, size)
    lead = len(wanted) - x.ndim
    kept = [x.shape[i - lead] if s == -1 and i >= lead else s for i, s in enumerate(wanted)]
    try:
        y = np.broadcast_to(x.array, kept)
    except ValueError:
        raise RuntimeError(f"expand: shape {x.shape} cannot be expanded to {wanted}") from None
    return record_view(y, x, _expand_gradient, x.shape)


def _expand_gradient(dy, needs, shape):
    lead = dy.ndim - len(shape)
    stretched = [i + lead for i, size in enumerate(shape) if size == 1]
    return (dy.sum(axis=(*range(lead), *stretched), keepdims=True).reshape(shape),)


def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """Expanded to this shape."""
    return expand(input, tuple(size))


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """All expanded to their common shape."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    try:
        shape = np.broadcast_shapes(*[t.shape for t in given])
    except ValueError:
        raise RuntimeError(f"broadcast_tensors: shapes {[t.shape for t in given]} do not broadcast") from None
    return tuple(expand(t, shape) for t in given)


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The common shape of these; RuntimeError if there is none."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise RuntimeError(f"broadcast_shapes: {shapes} do not broadcast") from None


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All windows of this size along an axis, every step-th of them, as a new last axis; a read-only view."""
    x = need_tensor(input, "unfold")
    axis = axis_of(dimension, x.ndim, "unfold")
    if not 0 < size <= x.shape[axis] or step < 1:
        raise RuntimeError(f"unfold: no windows of size {size} and step {step} along axis {axis} of shape {x.shape}")
    windows = np.lib.stride_tricks.sliding_window_view(x.array, size, axis)
    return record_view(
        windows[(slice(None),) * axis + (slice(None, None, step),)], x, _unfold_gradient, x.shape, axis, step
    )


def _unfold_gradient(dy, needs, shape, axis, step):
    dx = np.zeros(shape, dy.dtype)
    reach = (dy.shape[axis] - 1) * step + 1
    for i in range(dy.shape[-1]):
        dx[(slice(None),) * axis + (slice(i, i + reach, step),)] += dy[..., i]
    return (dx,)


def _sliced(x: Tensor, axis: int, part: Any) -> Tensor:
    """One slice, or one index, along an axis; a view."""
    at = (slice(None),) * axis + (part, ...)
    return record_view(x.array[at], x, _slice_gradient, x.array.shape, at)


def _slice_gradient(dy, needs, shape, at):
    dx = np.zeros(shape, dy.dtype)
    dx[at] = dy
    return (dx,)


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """The elements start, ..., start + length - 1 along an axis; a view."""
    x = need_tensor(input, "narrow")
    axis = axis_of(dim, x.ndim, "narrow")
    size, first = x.shape[axis], int(start)
    if not -size <= first <= size:
        raise IndexError(f"narrow: start must be in [{-size}, {size}], got {first}")
    first += size if first < 0 else 0
    if not 0 <= length <= size - first:
        raise RuntimeError(f"narrow: {length} elements from {first} do not fit in axis {axis} of shape {x.shape}")
    return _sliced(x, axis, slice(first, first + length))


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One index along an axis, which disappears; a view."""
    x = need_tensor(input, "select")
    if x.ndim == 0:
        raise IndexError("select: a tensor without axes has nothing to select from")
    axis = axis_of(dim, x.ndim, "select")
    if not -x.shape[axis] <= index < x.shape[axis]:
        raise IndexError(f"select: index {index} is out of range for axis {axis} of shape {x.shape}")
    return _sliced(x, axis, int(index))


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """All the slices along an axis, without it; views."""
    x = need_tensor(input, "unbind")
    axis = axis_of(dim, x.ndim, "unbind")
    if x.ndim == 0:
        raise RuntimeError("unbind: a tensor without axes has no slices")
    return tuple(_sliced(x, axis, i) for i in range(x.shape[axis]))


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of two axes, as the last axis; a view. A positive offset lies above the main diagonal."""
    x = need_tensor(input, "diagonal")
    i, j = axis_of(dim1, x.ndim, "diagonal"), axis_of(dim2, x.ndim, "diagonal")
    if i == j:
        raise RuntimeError(f"diagonal: the two axes must differ, got {dim1} and {dim2}")
    y = x.array.diagonal(offset, i, j)
    y.flags.writeable = x.array.flags.writeable
    return record_view(y, x, _diagonal_gradient, x.shape, offset, i, j)


def _diagonal_gradient(dy, needs, shape, offset, i, j):
    dx = np.zeros(shape, dy.dtype)
    place = dx.diagonal(offset, i, j)
    place.flags.writeable = True
    place[...] = dy
    return (dx,)


def atleast_1d(*tensors: Any) -> Any:
    """Each with at least one axis."""
    out = tuple(x if x.ndim else reshape(x, 1) for x in tensors)
    return out[0] if len(out) == 1 else out


def atleast_2d(*tensors: Any) -> Any:
    """Each with at least two axes."""
    out = tuple(x if x.ndim > 1 else reshape(x, 1, -1) for x in tensors)
    return out[0] if len(out) == 1 else out


def contiguous(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself if its memory is in logical order, else a copy that is.

    With memory_format=channels_last, of a tensor (N, C, H, W): in the order of (N, H, W, C).
    """
    x = need_tensor(input, "contiguous")
    if memory_format == channels_last:
        return _channels_last(x)
    if x.is_contiguous():
        return x
    y = backend.ordered_copy(x.array) if x.array.dtype.char in _FLOATS else quiet.call(np.array, x.array, order="C")
    return record(y, (x,), _same_gradient)


def _channels_last(x: Tensor) -> Tensor:
    if x.ndim != 4:
        raise RuntimeError(f"contiguous: channels_last takes a tensor (N, C, H, W), got shape {x.shape}")
    laid = np.moveaxis(x.array, 1, -1)
    if laid.flags.c_contiguous:
        return x
    return record(np.moveaxis(quiet.call(np.ascontiguousarray, laid), -1, 1), (x,), _same_gradient)


def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy, in the same memory order; the gradient passes."""
    x = need_tensor(input, "clone")
    return record(quiet.call(x.array.copy, order="K"), (x,), _same_gradient)


def detach(input: Tensor) -> Tensor:
    """The same memory, without history."""
    return need_tensor(input, "detach").detach()


def _same_gradient(dy, needs):
    return (dy,)


_function: Any
for _function in (
    broadcast_to, clone, contiguous, diagonal, expand, flatten, movedim, narrow, permute, ravel, reshape, select, squeeze,
    t, transpose, unbind, unflatten, unfold, unsqueeze, view, view_as,
):  # fmt: skip
    method(_function)
moveaxis, swapaxes, swapdims = movedim, transpose, transpose
method(movedim, "moveaxis")
method(transpose, "swapaxes", "swapdims")
method(view_as, "reshape_as")
method(lambda self, other: expand(self, other.shape), "expand_as")
setattr(Tensor, "T", property(lambda self: _permuted(self, tuple(reversed(range(self.ndim))))))  # noqa: B010
setattr(Tensor, "mT", property(lambda self: transpose(self, -2, -1)))  # noqa: B010
setattr(Tensor, "mH", property(lambda self: transpose(self, -2, -1)))  # noqa: B010
setattr(Tensor, "H", property(t))  # noqa: B010
