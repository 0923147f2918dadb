"""Indexing: x[...] and x[...] = value, and gathering and scattering along an axis."""

import operator
from typing import Any

import numpy as np

from .. import dtypes
from ..backend.broadcast import sum_to
from ..tensor import (
    Tensor,
    as_array,
    cast,
    check_inplace,
    in_place,
    method,
    record,
    record_view,
    replace,
    rewrite,
    wrap,
)
from .operands import axis_of, is_number, need_kind, need_tensor, quiet

__all__ = [
    "argwhere", "gather", "index_add", "index_copy", "index_fill", "index_select", "masked_fill", "masked_scatter",
    "masked_select", "nonzero", "scatter", "scatter_add", "scatter_reduce", "take", "take_along_dim",
]  # fmt: skip


# ---- x[...] ----


def getitem(input: Tensor, index: Any) -> Tensor:
    """input[index]: a view for numbers, slices, None and ...; a copy for lists, arrays, tensors and masks.

    Raises
    ------
    IndexError
        For an index out of range, too many indices, a mask of the wrong shape or an index of the wrong type.
    """
    at, basic = _key(input, index)
    y = _look_up(input, at, basic)
    if basic:
        # With an ellipsis NumPy gives a view where there are no axes left, too.
        return record_view(y, input, _view_gradient, input.array.shape, at)
    gradient = _mask_gradient if _no_repeats(at) else _gather_gradient
    return record(y, (input,), gradient, input.array.shape, at)


def _look_up(x: Tensor, at: Any, basic: bool = True) -> Any:
    try:
        return x.array[at] if basic else quiet.call(operator.getitem, x.array, at)
    except (IndexError, ValueError) as error:
        raise IndexError(f"index of a tensor of shape {x.shape}: {error}") from None


def _key(x: Tensor, index: Any) -> tuple[Any, bool]:
    """The index as NumPy's, and whether it is basic: it gives a view."""
    kind = type(index)
    if kind is int or (kind is slice and index.step is None):
        return ((index, ...), True)
    parts = index if kind is tuple else (index,)
    key = tuple([_part(part) for part in parts])
    if all(isinstance(part, (int, slice, type(None), type(...))) and not isinstance(part, bool) for part in key):
        return (key if ... in key else (*key, ...)), True
    return key, False


def _part(part: Any) -> Any:
    """One part of an index: tensors and lists as arrays, everything else checked."""
    if part is None or part is ... or isinstance(part, (bool, int)):
        return part
    if isinstance(part, slice):
        if part.step is not None and int(part.step) <= 0:
            raise ValueError(f"the step of a slice must be positive, got {part.step}; use flip")
        return part
    if isinstance(part, np.integer):
        return int(part)
    if isinstance(part, np.bool_):
        return bool(part)
    if not isinstance(part, (Tensor, np.ndarray, list, tuple, range)):
        raise IndexError(f"cannot index a tensor with {type(part).__name__}")
    array = np.asarray(part.array if isinstance(part, Tensor) else part)
    if array.size == 0 and not isinstance(part, (Tensor, np.ndarray)):
        array = array.astype(np.intp)
    if array.dtype.kind not in "biu":
        raise IndexError(f"tensors used as indices must be integers or booleans, got {array.dtype}")
    if array.ndim == 0 and array.dtype.kind != "b" and isinstance(part, Tensor):
        return int(array)
    return array


def _no_repeats(key: Any) -> bool:
    """A mask picks no element twice; integers may."""
    return not any(isinstance(part, np.ndarray) and part.dtype.kind != "b" for part in key)


def _view_gradient(dy, needs, shape, at):
    dx = np.zeros(shape, dy.dtype)
    dx[at] = dy
    return (dx,)


_mask_gradient = _view_gradient


def _gather_gradient(dy, needs, shape, at):
    dx = np.zeros(shape, dy.dtype)
    combine_at(np.add, dx, at, dy)
    return (dx,)


def combine_at(ufunc: Any, y: Any, key: tuple[Any, ...], values: Any) -> None:
    """ufunc.at, and where it would read out of bounds (NumPy 2.4, more than 32 axes) that of the flattened array."""
    if y.ndim + max(np.ndim(values), *(getattr(part, "ndim", 0) for part in key)) <= 32:
        ufunc.at(y, key, values)
        return
    places = np.arange(y.size).reshape(y.shape)[key]
    flat = y.reshape(-1)  # itself, or a copy
    ufunc.at(flat, places.reshape(-1), np.broadcast_to(values, places.shape).reshape(-1))
    y[...] = flat.reshape(y.shape)


# ---- x[...] = value ----


def setitem(input: Tensor, index: Any, value: Any) -> None:
    """input[index] = value, broadcast. Of an element named twice, it is not said which value stays.

    Raises
    ------
    RuntimeError
        If input is a leaf that requires gradients, or the value does not broadcast to the place.
    """
    at, basic = _key(input, index)
    new = cast(value, input.dtype) if isinstance(value, Tensor) else wrap(as_array(value).astype(input.dtype))
    check_inplace(input)
    place = _look_up(input, at)
    if basic and new._base is not None and new.array.__array_interface__ == place.__array_interface__:
        return  # x[i] += 1 ends with x[i] = (x[i] as it already is)
    try:
        # PyTorch ignores leading axes of size 1 of the value.
        source = new.array.reshape(new.shape[max(new.ndim - place.ndim, 0) :]) if new.ndim > place.ndim else new.array
        input.array[at] = source
    except ValueError:
        raise RuntimeError(f"cannot put a value of shape {new.shape} where the index gives {place.shape}") from None
    tracked = record(new.array, (input, new), _setitem_gradient, at, new.shape)
    rewrite(input, tracked._node)


def _setitem_gradient(dy, needs, at, shape):
    dx = None
    if needs[0]:
        dx = dy.copy()
        dx[at] = 0
    return dx, _fold(dy[at], shape) if needs[1] else None


def _fold(dy: Any, shape: tuple[int, ...]) -> Any:
    """sum_to, for a value that may have leading axes of size 1 too many."""
    lead = max(len(shape) - dy.ndim, 0)
    return np.asarray(sum_to(dy, shape[lead:])).reshape(shape)


# ---- along an axis ----


def _index_of(index: Any, operation: str) -> Any:
    return need_kind(need_tensor(index, operation), "iu", operation).array


def _along(x: Tensor, dim: int, index: Any, operation: str) -> tuple[int, Any, tuple[Any, ...]]:
    """The axis, the index, and the whole key that picks x[..., index[i, j, k], ...] for each place of the index."""
    axis, at = axis_of(dim, x.ndim, operation), _index_of(index, operation)
    if at.ndim != x.ndim:
        raise RuntimeError(f"{operation}: the index must have as many axes as the input: {at.shape} and {x.shape}")
    if any(a > b for i, (a, b) in enumerate(zip(at.shape, x.shape, strict=True)) if i != axis):
        raise RuntimeError(f"{operation}: the index {at.shape} is larger than the input {x.shape} beside axis {axis}")
    size = x.shape[axis] if x.ndim else 1
    if at.size and not (at.min() >= 0 and at.max() < size):
        raise RuntimeError(f"{operation}: indices must be in [0, {size - 1}], got {at.min()} to {at.max()}")
    key: list[Any] = list(np.ogrid[tuple(slice(s) for s in at.shape)])
    if x.ndim:
        key[axis] = at
    return axis, at, tuple(key)


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """Along dim, the elements that the index names: y[i, j] = x[index[i, j], j] for dim 0; the shape of index."""
    x = need_tensor(input, "gather")
    key = _along(x, dim, index, "gather")[2]
    y = quiet.call(operator.getitem, x.array, key) if x.ndim else x.array.copy()
    return record(y, (x,), _gather_gradient, x.shape, key)


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """gather with broadcasting beside dim; without dim, of the flattened tensor."""
    x = need_tensor(input, "take_along_dim")
    if dim is None:
        return gather(x.reshape(-1), 0, indices.reshape(-1))
    axis, at = axis_of(dim, x.ndim, "take_along_dim"), _index_of(indices, "take_along_dim")
    shape = [max(a, b) if i != axis else b for i, (a, b) in enumerate(zip(x.shape, at.shape, strict=True))]
    full = [s if i != axis else x.shape[axis] for i, s in enumerate(shape)]
    return gather(x.expand(full), axis, wrap(np.broadcast_to(at, shape)))


def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """A copy with y[index[i, j], j] = src[i, j] for dim 0; reduce "add" or "multiply" combines with what is there."""
    x = need_tensor(input, "scatter")
    source = src if src is not None else value
    if source is None:
        raise TypeError("scatter: src or value must be given")
    if reduce not in (None, "add", "multiply"):
        raise RuntimeError(f'scatter: reduce must be "add" or "multiply", got {reduce!r}')
    _, at, key = _along(x, dim, index, "scatter")
    s = _source(x, source, at, "scatter")
    part = s.array[tuple(slice(n) for n in at.shape)] if s.ndim else s.array
    y = quiet.call(x.array.copy, order="K")
    if reduce is None:
        y[key] = part
        return record(y, (x, s), _scatter_gradient, key, at.shape, s.shape)
    combine_at(np.add if reduce == "add" else np.multiply, y, key, part)
    if reduce == "add":
        return record(y, (x, s), _scatter_add_gradient, key, at.shape, s.shape)
    if x.requires_grad or s.requires_grad:
        raise NotImplementedError('scatter: reduce="multiply" has no gradient; use scatter_add or detach()')
    return wrap(y)


def _source(x: Tensor, source: Any, at: Any, operation: str) -> Tensor:
    if is_number(source):
        return wrap(np.array(source, x.dtype))
    s = need_tensor(source, operation)
    if s.dtype != x.dtype:
        raise RuntimeError(f"{operation}: src is {s.dtype}, the input {x.dtype}")
    if s.ndim != at.ndim and s.ndim:
        raise RuntimeError(f"{operation}: src must have as many axes as the index: {s.shape} and {at.shape}")
    if s.ndim and any(a > b for a, b in zip(at.shape, s.shape, strict=True)):
        raise RuntimeError(f"{operation}: the index {at.shape} is larger than src {s.shape}")
    return s


def _scatter_gradient(dy, needs, key, index_shape, src_shape):
    dx = None
    if needs[0]:
        dx = dy.copy()
        dx[key] = 0
    return dx, _src_gradient(dy, key, index_shape, src_shape) if needs[1] else None


def _scatter_add_gradient(dy, needs, key, index_shape, src_shape):
    return dy, _src_gradient(dy, key, index_shape, src_shape) if needs[1] else None


def _src_gradient(dy, key, index_shape, src_shape):
    taken = np.broadcast_to(dy[key] if dy.ndim else dy, index_shape)
    if not src_shape:
        return np.asarray(taken.sum())
    ds = np.zeros(src_shape, dy.dtype)
    ds[tuple(slice(n) for n in index_shape)] = taken
    return ds


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy with y[index[i, j], j] += src[i, j] for dim 0; repeated indices add up."""
    return scatter(input, dim, index, need_tensor(src, "scatter_add"), reduce="add")


def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """scatter that combines what meets in one place by "sum", "prod", "amax" or "amin"; no gradient but for "sum"."""
    ufuncs = {"sum": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}
    if reduce not in ufuncs:
        raise RuntimeError(f"scatter_reduce: reduce must be one of {', '.join(ufuncs)}, got {reduce!r}")
    if reduce == "sum" and include_self:
        return scatter_add(input, dim, index, src)
    x = need_tensor(input, "scatter_reduce")
    if x.requires_grad or src.requires_grad:
        raise NotImplementedError(f"scatter_reduce: {reduce!r} has no gradient here; use detach()")
    _, at, key = _along(x, dim, index, "scatter_reduce")
    part = _source(x, src, at, "scatter_reduce").array[tuple(slice(n) for n in at.shape)]
    y = quiet.call(x.array.copy, order="K")
    if not include_self:
        neutral = {"sum": 0, "prod": 1, "amax": -np.inf, "amin": np.inf}[reduce]
        limit = neutral if x.dtype.kind == "f" or np.isfinite(neutral) else part.min() if neutral < 0 else part.max()
        y[key] = limit
    combine_at(ufuncs[reduce], y, key, part)
    return wrap(y)


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices along an axis that a vector of indices names, in its order."""
    x = need_tensor(input, "index_select")
    axis, at = axis_of(dim, x.ndim, "index_select"), _vector(index, "index_select")
    size = x.shape[axis] if x.ndim else 1
    if at.size and not (at.min() >= 0 and at.max() < size):
        raise IndexError(f"index_select: indices must be in [0, {size - 1}], got {at.min()} to {at.max()}")
    if x.ndim == 0:
        return record(x.array.copy(), (x,), _pass_gradient)
    return record(quiet.call(x.array.take, at, axis), (x,), _gather_gradient, x.shape, (slice(None),) * axis + (at,))


def _pass_gradient(dy, needs):
    return (dy,)


def _vector(index: Any, operation: str) -> Any:
    at = _index_of(index, operation)
    if at.ndim > 1:
        raise IndexError(f"{operation}: the index must be a vector, got shape {at.shape}")
    return at.reshape(-1)


def _slices(x: Tensor, dim: int, index: Any, operation: str) -> tuple[Any, ...]:
    """The key of the slices along an axis that a vector of indices names."""
    axis, at = axis_of(dim, x.ndim, operation), _vector(index, operation)
    if at.size and not (at.min() >= -x.shape[axis] and at.max() < x.shape[axis]):
        raise IndexError(f"{operation}: indices must be in [0, {x.shape[axis] - 1}], got {at.min()} to {at.max()}")
    return (slice(None),) * axis + (at,)


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """A copy with alpha times the slices of source added to those that the index names; repeated indices add up."""
    x = need_tensor(input, "index_add")
    s = need_tensor(source, "index_add")
    key = _slices(x, dim, index, "index_add")
    y = quiet.call(x.array.copy, order="K")
    if y[key].shape != s.shape:
        raise RuntimeError(f"index_add: source has shape {s.shape}, the index asks for {y[key].shape}")
    combine_at(np.add, y, key, s.array * s.array.dtype.type(alpha))
    return record(y, (x, s), _index_add_gradient, key, alpha)


def _index_add_gradient(dy, needs, key, alpha):
    return dy, dy[key] * dy.dtype.type(alpha) if needs[1] else None


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """A copy with the slices that the index names replaced by those of source."""
    y = need_tensor(input, "index_copy").clone()
    setitem(y, _slices(y, dim, index, "index_copy"), source)
    return y


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A copy with the slices that the index names filled with a value."""
    y = need_tensor(input, "index_fill").clone()
    setitem(y, _slices(y, dim, index, "index_fill"), value)
    return y


def index_put_(input: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """input[indices] = values in place; with accumulate, added, repeated indices adding up."""
    if not accumulate:
        setitem(input, tuple(indices), values)
        return input
    x = need_tensor(input, "index_put_")
    at, _ = _key(x, tuple(indices))
    v = cast(values if isinstance(values, Tensor) else Tensor(values), x.dtype)
    y = quiet.call(x.array.copy, order="K")
    combine_at(np.add, y, at, v.array)
    return replace(x, record(y, (x, v), _index_put_gradient, at, v.shape))


def _index_put_gradient(dy, needs, at, shape):
    return dy, _fold(dy[at], shape) if needs[1] else None


# ---- masks ----


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """value where the mask holds, the input elsewhere; the mask broadcasts.

    Raises
    ------
    RuntimeError
        If the mask is not boolean, does not broadcast, or value is a tensor with axes.
    """
    x, m = need_tensor(input, "masked_fill"), need_kind(need_tensor(mask, "masked_fill"), "b", "masked_fill")
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(f"masked_fill: value must be a number or a tensor without axes, got shape {value.shape}")
    v = cast(value, x.dtype) if isinstance(value, Tensor) else wrap(np.array(value).astype(x.dtype))
    try:
        y = quiet.call(np.where, m.array, v.array, x.array)
    except ValueError:
        raise RuntimeError(f"masked_fill: mask {m.shape} and input {x.shape} do not broadcast") from None
    return record(y, (x, v), _masked_fill_gradient, m, x.shape)


def _masked_fill_gradient(dy, needs, mask, shape):
    zero = dy.dtype.type(0)
    dx = sum_to(np.where(mask, zero, dy), shape) if needs[0] else None
    return dx, np.asarray(np.where(mask, dy, zero).sum()) if needs[1] else None


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """A vector of the elements where the mask holds; both broadcast."""
    x, m = need_tensor(input, "masked_select"), need_kind(need_tensor(mask, "masked_select"), "b", "masked_select")
    try:
        shape = np.broadcast_shapes(x.shape, m.shape)
    except ValueError:
        raise RuntimeError(f"masked_select: mask {m.shape} and input {x.shape} do not broadcast") from None
    return getitem(x.expand(shape), np.broadcast_to(m.array, shape))


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy whose elements where the mask holds are taken from source, in order."""
    y = need_tensor(input, "masked_scatter").clone()
    holds = np.broadcast_to(need_kind(need_tensor(mask, "masked_scatter"), "b", "masked_scatter").array, y.shape)
    count = int(holds.sum())
    if source.numel() < count:
        raise RuntimeError(f"masked_scatter: source has {source.numel()} elements, the mask asks for {count}")
    setitem(y, holds, source.reshape(-1)[:count])
    return y


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of what is not zero: one row each, or (as_tuple) one vector for each axis."""
    x = need_tensor(input, "nonzero").array
    if as_tuple:
        return tuple(wrap(i) for i in np.nonzero(np.atleast_1d(x)))
    return wrap(np.argwhere(x))


def argwhere(input: Tensor) -> Tensor:
    """The indices of what is not zero, one row each."""
    return nonzero(input)


def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements at these places of the flattened tensor; the shape of index."""
    x = need_tensor(input, "take")
    return getitem(x.reshape(-1), _index_of(index, "take"))


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """int64 rows that are 1 at the class and 0 elsewhere, as a new last axis.

    Parameters
    ----------
    tensor : Tensor of integers
    num_classes : int
        -1: one more than the largest.

    Raises
    ------
    RuntimeError
        If a class is negative or not below num_classes.
    """
    classes = _index_of(tensor, "one_hot")
    if num_classes == -1:
        if not classes.size:
            raise RuntimeError("one_hot: num_classes must be given where there are no elements")
        num_classes = int(classes.max()) + 1
    if classes.size and not (classes.min() >= 0 and classes.max() < num_classes):
        raise RuntimeError(
            f"one_hot: classes must be in [0, {num_classes - 1}], got {classes.min()} to {classes.max()}"
        )
    y = np.zeros((*classes.shape, num_classes), dtypes.int64)
    np.put_along_axis(y, classes[..., None], 1, -1)
    return wrap(y)


method(getitem, "__getitem__")
method(setitem, "__setitem__")
_function: Any
for _function in (
    argwhere, gather, index_add, index_copy, index_fill, index_put_, index_select,
    masked_fill, masked_scatter, masked_select, nonzero,
    scatter, scatter_add, scatter_reduce, take, take_along_dim,
):  # fmt: skip
    method(_function)
for _function in (
    index_add, index_copy, index_fill, masked_fill, masked_scatter, scatter, scatter_add, scatter_reduce,
):  # fmt: skip
    in_place(_function)
