"""New tensors: from data, filled with a value, or counting."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..device import need_cpu
from ..quiet import quiet
from ..tensor import Tensor, as_array, method, wrap
from .operands import need_tensor, sizes_of

__all__ = [
    "arange", "as_tensor", "asarray", "empty", "empty_like", "eye", "from_dlpack", "from_numpy", "full",
    "full_like", "is_tensor", "linspace", "logspace", "numel", "ones", "ones_like", "scalar_tensor", "tensor",
    "zeros", "zeros_like",
]  # fmt: skip


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of the data: a number, nested sequences, an array or a tensor.

    Python floats become the default dtype, integers int64; arrays keep theirs.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.tensor([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    need_cpu(device)
    return Tensor(quiet.call(np.array, as_array(data, dtype)), requires_grad=requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """The data as a tensor, sharing its memory where possible; a tensor of this dtype is returned as it is."""
    need_cpu(device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    return wrap(as_array(data, dtype))


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """The object as a tensor: copied if copy is True, never if it is False (ValueError where that is impossible)."""
    need_cpu(device)
    array = as_array(obj, dtype)
    shared = isinstance(obj, (Tensor, np.ndarray)) and np.may_share_memory(array, as_array(obj))
    if copy is False and not shared:
        raise ValueError("asarray: this cannot be made a tensor without a copy")
    return Tensor(array.copy() if copy and shared else array, requires_grad=requires_grad)


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor that shares the memory of a NumPy array."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"from_numpy: expected a NumPy array, got {type(ndarray).__name__}")
    return wrap(as_array(ndarray))


def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor that shares the memory of any object that speaks DLPack (PyTorch's, NumPy's, ...)."""
    return wrap(as_array(np.from_dlpack(ext_tensor)))


def is_tensor(obj: Any) -> bool:
    """Is it a Tensor?"""
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return need_tensor(input, "numel").numel()


def _filled(
    make: Callable[[Any, Any], Any], size: tuple[int, ...], dtype: Any, device: Any, requires_grad: bool
) -> Tensor:
    """make(shape, dtype) as a tensor."""
    need_cpu(device)
    if any(s < 0 for s in size):
        raise RuntimeError(f"a tensor cannot have a negative size, got {size}")
    known = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    return Tensor(quiet.call(make, size, known), requires_grad=requires_grad)


def zeros(*sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """All zeros."""
    return _filled(np.zeros, sizes_of(sizes, size), dtype, device, requires_grad)


def ones(*sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """All ones."""
    return _filled(np.ones, sizes_of(sizes, size), dtype, device, requires_grad)


def empty(*sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Any values: to be written before they are read."""
    return _filled(np.empty, sizes_of(sizes, size), dtype, device, requires_grad)


def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """All one value; without dtype that of the value."""
    value = as_array(fill_value)
    return _filled(lambda s, d: np.full(s, value, d), sizes_of((size,)), dtype or value.dtype, device, requires_grad)


def _like(make: Callable[..., Any], input: Tensor, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    need_cpu(device)
    known = None if dtype is None else dtypes.as_dtype(dtype)
    return Tensor(quiet.call(make, need_tensor(input, "like").array, dtype=known), requires_grad=requires_grad)


def zeros_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros in the shape, dtype and memory order of another tensor."""
    return _like(np.zeros_like, input, dtype, device, requires_grad)


def ones_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones in the shape, dtype and memory order of another tensor."""
    return _like(np.ones_like, input, dtype, device, requires_grad)


def empty_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Any values, in the shape, dtype and memory order of another tensor."""
    return _like(np.empty_like, input, dtype, device, requires_grad)


def full_like(
    input: Tensor, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """One value, in the shape, dtype and memory order of another tensor."""
    value = as_array(fill_value)
    return _like(lambda x, dtype: np.full_like(x, value, dtype), input, dtype, device, requires_grad)


def arange(
    start: float | None = None, end: float | None = None, step: float = 1, *,
    dtype: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """start, start + step, ... up to but without end; int64 if all three are integers, else the default dtype.

    Raises
    ------
    RuntimeError
        If step is 0 or leads away from end.
    TypeError
        Without end.
    """
    need_cpu(device)
    bounds = [bound for bound in (start, end) if bound is not None]
    if not bounds:
        raise TypeError("arange: end is missing")
    first, last = bounds[0] if len(bounds) == 2 else 0, bounds[-1]
    if step == 0 or (last - first) * step < 0:
        raise RuntimeError(f"arange: step {step} does not lead from {first} to {last}")
    whole = all(isinstance(v, (int, np.integer)) for v in (first, last, step))
    known = dtypes.as_dtype(dtype) if dtype is not None else dtypes.int64 if whole else dtypes.get_default_dtype()
    if whole:
        return Tensor(np.arange(first, last, step).astype(known), requires_grad=requires_grad)
    # start + i * step in float64, as PyTorch: repeated addition would drift, and so would NumPy's length.
    count = math.ceil((last - first) / step)
    return Tensor((first + step * np.arange(count)).astype(known), requires_grad=requires_grad)


def linspace(
    start: float, end: float, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Evenly spaced numbers from start to end, both included."""
    return _filled(lambda s, d: np.linspace(start, end, s[0]).astype(d), (steps,), dtype, device, requires_grad)


def logspace(
    start: float, end: float, steps: int, base: float = 10.0, *,
    dtype: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """base to the power of evenly spaced numbers from start to end, both included."""
    return _filled(
        lambda s, d: np.logspace(start, end, s[0], base=base).astype(d), (steps,), dtype, device, requires_grad
    )


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The identity matrix, (n, n) or (n, m)."""
    size = (n, n if m is None else m)
    return _filled(lambda s, d: np.eye(*s, dtype=d), size, dtype, device, requires_grad)


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A number as a tensor without axes, of the default dtype."""
    return full((), s, dtype=dtype or dtypes.get_default_dtype(), device=device, requires_grad=requires_grad)


def new_tensor(
    self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A copy of the data, in this tensor's dtype."""
    return tensor(data, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


def new_zeros(
    self: Tensor, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Zeros in this tensor's dtype."""
    return zeros(*sizes, size=size, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


def new_ones(
    self: Tensor, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones in this tensor's dtype."""
    return ones(*sizes, size=size, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


def new_empty(
    self: Tensor, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Any values, in this tensor's dtype."""
    return empty(*sizes, size=size, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


def new_full(
    self: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """One value, in this tensor's dtype."""
    return full(size, fill_value, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


for _function in (new_empty, new_full, new_ones, new_tensor, new_zeros):
    method(_function)
