"""Putting tensors together and taking them apart."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from .. import dtypes
from ..tensor import Tensor, cast, method, record
from .operands import axis_of, need_tensor, quiet
from .shape import atleast_1d, atleast_2d, expand, narrow, reshape

__all__ = [
    "cat", "chunk", "column_stack", "concat", "concatenate", "hstack", "meshgrid", "split", "stack", "tensor_split",
    "vstack",
]  # fmt: skip


def _alike(tensors: Any, operation: str) -> list[Tensor]:
    """The tensors in their common dtype."""
    if not isinstance(tensors, (tuple, list)):
        raise TypeError(f"{operation}: expected a tuple or list of tensors, got {type(tensors).__name__}")
    given = [need_tensor(x, operation) for x in tensors]
    if not given:
        raise RuntimeError(f"{operation}: expected at least one tensor, got none")
    common = given[0].dtype
    for x in given[1:]:
        common = dtypes.promote(common, given[0].ndim, x.dtype, x.ndim)
    return [cast(x, common) for x in given]


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Joined along an axis that they all have.

    Raises
    ------
    ValueError
        If there is none.
    RuntimeError
        If the shapes differ elsewhere. Empty vectors are skipped, as PyTorch does.
    """
    if isinstance(tensors, (tuple, list)) and not tensors:
        raise ValueError("cat: expected at least one tensor, got none")
    parts = _alike(tensors, "cat")
    if any(p.ndim == 0 for p in parts):
        raise RuntimeError("cat: a tensor without axes cannot be joined; use stack")
    parts = [p for p in parts if p.shape != (0,)] or parts[:1]
    axis = axis_of(dim, parts[0].ndim, "cat")
    try:
        y = quiet.call(np.concatenate, [p.array for p in parts], axis)
    except ValueError:
        raise RuntimeError(f"cat: shapes {[p.shape for p in parts]} must be equal except along axis {axis}") from None
    return record(y, tuple(parts), _cat_gradient, axis, _bounds([p.shape[axis] for p in parts]))


def _bounds(sizes: Sequence[int]) -> list[int]:
    return [0, *accumulate(sizes)]


def _cat_gradient(dy, needs, axis, bounds):
    lead = (slice(None),) * axis
    return [dy[(*lead, slice(a, b))] if need else None for need, (a, b) in zip(needs, pairwise(bounds), strict=True)]


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Joined along a new axis; all must have the same shape."""
    parts = _alike(tensors, "stack")
    if len({p.shape for p in parts}) > 1:
        raise RuntimeError(f"stack: the shapes differ: {[p.shape for p in parts]}")
    axis = axis_of(dim, parts[0].ndim + 1, "stack")
    return record(quiet.call(np.stack, [p.array for p in parts], axis), tuple(parts), _stack_gradient, axis)


def _stack_gradient(dy, needs, axis):
    lead = (slice(None),) * axis
    return [dy[(*lead, i)] if need else None for i, need in enumerate(needs)]


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Side by side: along the second axis, vectors along the first."""
    parts = [atleast_1d(x) for x in tensors]
    return cat(parts, 0 if parts and parts[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """One below the other, vectors as rows."""
    return cat([atleast_2d(x) for x in tensors])


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Side by side, vectors as columns."""
    return cat([x if x.ndim > 1 else reshape(x, -1, 1) for x in tensors], 1)


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts along an axis: all of one size (the last may be smaller), or of the sizes in a list; views."""
    x = need_tensor(tensor, "split")
    axis = axis_of(dim, x.ndim, "split")
    total = x.shape[axis]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0 or (size == 0 and total):
            raise RuntimeError(f"split: the size of the parts must be positive, got {size}")
        sizes = [min(size, total - at) for at in range(0, total, size)] if total else [0]
    else:
        sizes = [int(s) for s in split_size_or_sections]
        if sum(sizes) != total:
            raise RuntimeError(
                f"split: sizes {sizes} do not add up to {total}, the size of axis {axis} of shape {x.shape}"
            )
    return tuple(narrow(x, axis, at, size) for at, size in zip(_bounds(sizes)[:-1], sizes, strict=True))


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most so many parts of equal size (the last may be smaller); views."""
    x = need_tensor(input, "chunk")
    if chunks < 1:
        raise RuntimeError(f"chunk: the number of chunks must be positive, got {chunks}")
    size = x.shape[axis_of(dim, x.ndim, "chunk")]
    if size == 0:
        return tuple(narrow(x, dim, 0, 0) for _ in range(chunks))
    return split(x, -(-size // chunks), dim)


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """So many parts, the first ones larger by one where it does not come out even; or parts between the indices."""
    x = need_tensor(input, "tensor_split")
    size = x.shape[axis_of(dim, x.ndim, "tensor_split")]
    if isinstance(indices_or_sections, int):
        parts = indices_or_sections
        cuts = _bounds([size // parts + (i < size % parts) for i in range(parts)])
    else:
        cuts = [0, *[min(max(c + size if c < 0 else c, 0), size) for c in map(int, indices_or_sections)], size]
    return tuple(narrow(x, dim, min(a, b), max(b - a, 0)) for a, b in pairwise(cuts))


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """The coordinates of a grid from one vector for each axis; "xy" exchanges the first two axes."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'meshgrid: indexing must be "ij" or "xy", got {indexing!r}')
    vectors = [reshape(need_tensor(x, "meshgrid"), -1) for x in given]
    shape = [v.numel() for v in vectors]
    grids = []
    for i, vector in enumerate(vectors):
        grids.append(expand(reshape(vector, *[-1 if j == i else 1 for j in range(len(shape))]), shape))
    if indexing == "xy" and len(shape) > 1:
        grids = [g.transpose(0, 1) for g in grids]
    return tuple(grids)


_function: Any
for _function in (chunk, split, tensor_split):
    method(_function)
concat = concatenate = cat
