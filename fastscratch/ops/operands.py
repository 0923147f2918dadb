"""What an operation accepts: tensors and Python numbers, brought to one dtype as PyTorch does."""

from typing import Any

import numpy as np

from .. import dtypes
from ..quiet import quiet
from ..tensor import Array, Tensor, as_array, cast, wrap


def need_tensor(x: Any, operation: str) -> Tensor:
    """x, if it is a tensor; TypeError naming the operation if not."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{operation}: expected a Tensor, got {type(x).__name__}")
    return x


def is_number(x: Any) -> bool:
    """A Python or NumPy scalar, which counts for its category (bool, integer, floating) alone."""
    return isinstance(x, (int, float, np.number, np.bool_))


def pair(a: Any, b: Any, operation: str) -> tuple[Tensor, Tensor]:
    """Both operands as tensors of one dtype; at least one is a tensor already."""
    if isinstance(a, Tensor):
        if isinstance(b, Tensor):
            p, q = a.array.dtype, b.array.dtype
            if p is q or p == q:
                return a, b
            common = dtypes.promote(p, a.array.ndim, q, b.array.ndim)
            return cast(a, common), cast(b, common)
        if (type(b) is float or type(b) is int) and a.array.dtype.kind == "f":
            return a, wrap(np.array(b, a.array.dtype))
        common = _with_other(a, b, operation)
        return cast(a, common), wrap(np.array(b, common))
    if isinstance(b, Tensor):
        common = _with_other(b, a, operation)
        return wrap(np.array(a, common)), cast(b, common)
    raise TypeError(f"{operation}: expected a Tensor, got {type(a).__name__} and {type(b).__name__}")


def _with_other(x: Tensor, other: Any, operation: str) -> dtypes.DType:
    if is_number(other):
        return dtypes.result_type_scalar(x.array.dtype, other)
    if isinstance(other, np.ndarray):
        array = as_array(other)
        return dtypes.promote(x.array.dtype, x.array.ndim, array.dtype, array.ndim)
    raise TypeError(f"{operation}: expected a Tensor or a number, got {type(other).__name__}")


def alike(a: Array, b: Array) -> bool:
    """May a kernel take the two as they are? One shape and dtype, float32 or float64."""
    return a.shape == b.shape and a.dtype is b.dtype and a.dtype.char in "fd"


def elementwise(ufunc: Any, a: Tensor, b: Tensor, operation: str) -> Any:
    """The ufunc of two tensors' arrays, broadcast; RuntimeError with both shapes where they do not."""
    try:
        return quiet.call(ufunc, a.array, b.array)
    except (ValueError, TypeError) as error:
        need_broadcast(a, b, operation)
        raise RuntimeError(f"{operation} of {a.dtype} and {b.dtype}: {error}") from None


def reduced(ufunc: Any, x: Any, axes: Any, keepdims: bool) -> Any:
    """The ufunc's reduction of an array, without warnings."""
    return quiet.call(ufunc.reduce, x, axis=axes, keepdims=keepdims)


def floating(x: Tensor) -> Tensor:
    """x, if it is floating; integers and booleans in the default dtype."""
    return x if x.array.dtype.kind == "f" else cast(x, dtypes.get_default_dtype())


def need_broadcast(a: Tensor, b: Tensor, operation: str) -> None:
    """RuntimeError with both shapes where they do not broadcast."""
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise RuntimeError(f"{operation}: shapes {a.shape} and {b.shape} do not broadcast") from None


def need_kind(x: Tensor, kinds: str, operation: str) -> Tensor:
    """x, if its dtype is of one of these kinds (NumPy's letters: b, i, u, f); RuntimeError if not."""
    if x.array.dtype.kind not in kinds:
        words = " or ".join({"b": "boolean", "i": "integer", "f": "floating"}[k] for k in kinds if k != "u")
        raise RuntimeError(f"{operation}: expected a {words} tensor, got {x.dtype}")
    return x


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


def sizes_of(sizes: tuple[Any, ...], named: Any = None) -> tuple[int, ...]:
    """reshape(2, 3), reshape((2, 3)) and, given by its name, reshape(shape=(2, 3)) alike."""
    if named is not None:
        if sizes:
            raise TypeError(f"the numbers {sizes} are given twice: by place, and by name as {named}")
        sizes = (named,)
    given = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
    return tuple(map(int, given))
