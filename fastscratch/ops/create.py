"""New tensors."""

from typing import Any

import numpy as np

from .. import dtypes
from ..tensor import Tensor, as_array, wrap

__all__ = ["from_numpy", "ones", "tensor", "zeros"]


def tensor(data: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of the data: a number, nested sequences, an array or a tensor.

    Python floats become the default dtype, integers int64; arrays keep theirs.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.tensor([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    return Tensor(np.array(as_array(data, dtype), copy=True), requires_grad=requires_grad)


def from_numpy(array: Any) -> Tensor:
    """A tensor that shares the memory of a NumPy array."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: expected a NumPy array, got {type(array).__name__}")
    return wrap(as_array(array))


def zeros(*size: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """All zeros."""
    return Tensor(np.zeros(_size(size), _dtype(dtype)), requires_grad=requires_grad)


def ones(*size: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """All ones."""
    return Tensor(np.ones(_size(size), _dtype(dtype)), requires_grad=requires_grad)


def _size(size: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else size


def _dtype(dtype: Any) -> dtypes.DType:
    return dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
