"""Elements in other places: turned, rolled, repeated, or kept in a triangle."""

from typing import Any

import numpy as np

from ..tensor import Tensor, in_place, method, record
from .operands import axes_of, axis_of, need_tensor, quiet, sizes_of
from .shape import diagonal

__all__ = [
    "diag", "diag_embed", "flip", "fliplr", "flipud", "repeat_interleave", "roll", "rot90", "tile", "trace", "tril",
    "tril_indices", "triu", "triu_indices",
]  # fmt: skip


def flip(input: Tensor, *axes: Any, dims: Any = None) -> Tensor:
    """The order along the axes turned round; a copy."""
    x, wanted = need_tensor(input, "flip"), sizes_of(axes, dims)
    turned = axes_of(wanted, x.ndim, "flip") if wanted else ()
    return record(quiet.call(np.flip(x.array, turned).copy), (x,), _flip_gradient, turned)


def _flip_gradient(dy, needs, axes):
    return (np.flip(dy, axes),)


def fliplr(input: Tensor) -> Tensor:
    """The second axis turned round."""
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """The first axis turned round."""
    return flip(input, 0)


def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Turned k times by 90 degrees, from the first of the two axes towards the second."""
    x = need_tensor(input, "rot90")
    axes = axes_of(tuple(dims), x.ndim, "rot90")
    if len(axes) != 2:
        raise RuntimeError(f"rot90: expected two axes, got {tuple(dims)}")
    return record(np.rot90(x.array, k, (axes[0], axes[1])).copy(), (x,), _rot90_gradient, k, axes)


def _rot90_gradient(dy, needs, k, axes):
    return (np.rot90(dy, -k, axes),)


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements shifted along the axes, those that fall off at the end coming back in front; without dims, flattened."""
    x = need_tensor(input, "roll")
    axes = None if dims is None else axes_of(dims, x.ndim, "roll")
    steps = tuple(shifts) if isinstance(shifts, (tuple, list)) else (shifts,)
    if axes is not None and len(steps) != len(axes):
        raise RuntimeError(f"roll: {len(steps)} shifts for {len(axes)} axes")
    by: Any = steps if axes is not None else sum(steps)
    return record(quiet.call(np.roll, x.array, by, axes), (x,), _roll_gradient, by, axes)


def _roll_gradient(dy, needs, by, axes):
    return (np.roll(dy, tuple(-s for s in by) if axes is not None else -by, axes),)


def repeat(input: Tensor, *numbers: Any, repeats: Any = None) -> Tensor:
    """The whole tensor repeated so many times along each axis; more numbers than axes add axes in front."""
    x, times = need_tensor(input, "repeat"), sizes_of(numbers, repeats)
    if len(times) < x.ndim:
        raise RuntimeError(f"repeat: {len(times)} numbers for the {x.ndim} axes of shape {x.shape}")
    return record(quiet.call(np.tile, x.array, times), (x,), _repeat_gradient, times, x.shape)


def _repeat_gradient(dy, needs, times, shape):
    full = (1,) * (len(times) - len(shape)) + shape
    parts = dy.reshape([n for pair in zip(times, full, strict=True) for n in pair])
    return (parts.sum(axis=tuple(range(0, parts.ndim, 2))).reshape(shape),)


def tile(input: Tensor, *numbers: Any, dims: Any = None) -> Tensor:
    """repeat, with missing numbers in front taken as 1."""
    x, times = need_tensor(input, "tile"), sizes_of(numbers, dims)
    return repeat(x, (1,) * (x.ndim - len(times)) + times)


def repeat_interleave(input: Tensor, repeats: Any, dim: int | None = None) -> Tensor:
    """Each element repeated, so many times or as many as `repeats` says for it, along an axis or flattened."""
    x = need_tensor(input, "repeat_interleave")
    x = x.reshape(-1) if dim is None else x
    axis = 0 if dim is None else axis_of(dim, x.ndim, "repeat_interleave")
    times = repeats.array if isinstance(repeats, Tensor) else np.asarray(repeats)
    if times.size not in (1, x.shape[axis]):
        raise RuntimeError(f"repeat_interleave: {times.size} numbers for the {x.shape[axis]} elements of axis {axis}")
    places = np.repeat(np.arange(x.shape[axis]), times.reshape(-1) if times.size > 1 else int(times.reshape(-1)[0]))
    return x.index_select(axis, Tensor(places))


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of the last two axes, zero above the given diagonal."""
    return _triangle(input, lambda rows, columns: columns - rows <= diagonal, "tril")


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of the last two axes, zero below the given diagonal."""
    return _triangle(input, lambda rows, columns: columns - rows >= diagonal, "triu")


def _triangle(input: Tensor, keep: Any, operation: str) -> Tensor:
    x = need_tensor(input, operation)
    if x.ndim < 2:
        raise RuntimeError(f"{operation}: expected at least 2 axes, got shape {x.shape}")
    kept = keep(*np.ogrid[: x.shape[-2], : x.shape[-1]])
    return record(quiet.call(np.where, kept, x.array, x.array.dtype.type(0)), (x,), _triangle_gradient, kept)


def _triangle_gradient(dy, needs, kept):
    return (np.where(kept, dy, dy.dtype.type(0)),)


def tril_indices(row: int, col: int, offset: int = 0) -> Tensor:
    """Rows and columns of the elements of a lower triangle, shape (2, count)."""
    return Tensor(np.stack(np.tril_indices(row, offset, col)))


def triu_indices(row: int, col: int, offset: int = 0) -> Tensor:
    """Rows and columns of the elements of an upper triangle, shape (2, count)."""
    return Tensor(np.stack(np.triu_indices(row, offset, col)))


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A matrix with this vector on a diagonal; or the diagonal of a matrix."""
    x = need_tensor(input, "diag")
    if x.ndim not in (1, 2):
        raise RuntimeError(f"diag: expected 1 or 2 axes, got shape {x.shape}")
    return diag_embed(x, diagonal) if x.ndim == 1 else _diagonal(x, diagonal).clone()


_diagonal = diagonal


def diag_embed(input: Tensor, offset: int = 0) -> Tensor:
    """Matrices with the last axis on a diagonal."""
    x = need_tensor(input, "diag_embed")
    size = x.shape[-1] + (offset if offset >= 0 else -offset)
    y = np.zeros((*x.shape[:-1], size, size), x.dtype)
    place = y.diagonal(offset, -2, -1)
    place.flags.writeable = True
    place[...] = x.array
    return record(y, (x,), _diag_embed_gradient, offset)


def _diag_embed_gradient(dy, needs, offset):
    return (dy.diagonal(offset, -2, -1),)


def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix."""
    x = need_tensor(input, "trace")
    if x.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, got shape {x.shape}")
    return _diagonal(x).sum()


_function: Any
for _function in (
    diag,
    diag_embed,
    flip,
    fliplr,
    flipud,
    repeat,
    repeat_interleave,
    roll,
    rot90,
    tile,
    trace,
    tril,
    triu,
):
    method(_function)
for _function in (tril, triu):
    in_place(_function)
