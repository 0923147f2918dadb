"""What an operation accepts: tensors and Python numbers, brought to one dtype as PyTorch does."""

from typing import Any

import numpy as np

from .. import dtypes
from ..tensor import Tensor, as_array, record, wrap


def need_tensor(x: Any, operation: str) -> Tensor:
    """x, if it is a tensor; TypeError naming the operation if not."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{operation}: expected a Tensor, got {type(x).__name__}")
    return x


def cast(x: Tensor, dtype: dtypes.DType) -> Tensor:
    """x in another dtype, on the tape; x itself if it has it already."""
    if x.array.dtype == dtype:
        return x
    if x._tracked and dtype.kind == "f":
        return record(x.array.astype(dtype), (x,), _cast_gradient, x.array.dtype)
    return wrap(x.array.astype(dtype))


def _cast_gradient(dy, needs, dtype):  # type: ignore[no-untyped-def]
    return (dy.astype(dtype),)


def is_number(x: Any) -> bool:
    """A Python or NumPy scalar, which counts for its category (bool, integer, floating) alone."""
    return isinstance(x, (int, float, np.number, np.bool_))


def pair(a: Any, b: Any, operation: str) -> tuple[Tensor, Tensor]:
    """Both operands as tensors of one dtype; at least one is a tensor already."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        if a.array.dtype == b.array.dtype:
            return a, b
        common = dtypes.promote(a.array.dtype, a.array.ndim, b.array.dtype, b.array.ndim)
        return cast(a, common), cast(b, common)
    if isinstance(a, Tensor):
        common = _with_other(a, b, operation)
        return cast(a, common), wrap(np.asarray(b, common))
    if isinstance(b, Tensor):
        common = _with_other(b, a, operation)
        return wrap(np.asarray(a, common)), cast(b, common)
    raise TypeError(f"{operation}: expected a Tensor, got {type(a).__name__} and {type(b).__name__}")


def _with_other(x: Tensor, other: Any, operation: str) -> dtypes.DType:
    if is_number(other):
        return dtypes.result_type_scalar(x.array.dtype, other)
    if isinstance(other, np.ndarray):
        array = as_array(other)
        return dtypes.promote(x.array.dtype, x.array.ndim, array.dtype, array.ndim)
    raise TypeError(f"{operation}: expected a Tensor or a number, got {type(other).__name__}")


def floating(x: Tensor) -> Tensor:
    """x, if it is floating; integers and booleans in the default dtype."""
    return x if x.array.dtype.kind == "f" else cast(x, dtypes.get_default_dtype())


def need_broadcast(a: Tensor, b: Tensor, operation: str) -> None:
    """ValueError with both shapes where they do not broadcast."""
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise RuntimeError(f"{operation}: shapes {a.shape} and {b.shape} do not broadcast") from None


def axis_of(dim: Any, ndim: int, operation: str) -> int:
    """A dim as a non-negative axis; IndexError if there is no such axis."""
    if not isinstance(dim, (int, np.integer)) or isinstance(dim, bool):
        raise TypeError(f"{operation}: dim must be an int, got {type(dim).__name__}")
    bound = max(ndim, 1)
    if not -bound <= dim < bound:
        raise IndexError(f"{operation}: dim must be in [{-bound}, {bound - 1}], got {dim}")
    return int(dim) % bound


def axes_of(dim: Any, ndim: int, operation: str) -> tuple[int, ...]:
    """A dim, several, or None for all, as non-negative axes."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(ndim))
    dims = dim if isinstance(dim, (tuple, list)) else (dim,)
    axes = tuple(axis_of(d, ndim, operation) for d in dims)
    if len(set(axes)) != len(axes):
        raise RuntimeError(f"{operation}: a dim appears twice in {tuple(dims)}")
    return axes if ndim else ()
