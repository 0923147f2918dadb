"""The same values in another dtype, and tensors overwritten with given values."""

from typing import Any

import numpy as np

from .. import dtypes
from ..device import need_cpu
from ..tensor import Tensor, cast, check_inplace, method, record, replace
from .operands import need_broadcast, need_tensor

__all__ = ["can_cast", "promote_types", "result_type"]


def to(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """to(dtype), to(device), to(device, dtype) or to(other): the tensor itself if there is nothing to change.

    Parameters
    ----------
    dtype, device, other
        In PyTorch's order; "cpu" is the only device.
    copy : bool
        A copy in any case.
    non_blocking, memory_format
        Accepted, and nothing here depends on them.

    Raises
    ------
    RuntimeError
        For another device.
    """
    x = need_tensor(input, "to")
    dtype, copy = kwargs.pop("dtype", None), kwargs.pop("copy", False)
    device, other = kwargs.pop("device", None), kwargs.pop("other", None)
    for extra in set(kwargs) - {"non_blocking", "memory_format"}:
        raise TypeError(f"to: unexpected argument {extra!r}")
    for arg in args:
        if isinstance(arg, Tensor):
            other = arg
        elif isinstance(arg, np.dtype) or arg in (float, int, bool):
            dtype = arg
        elif isinstance(arg, str):
            device = arg
        elif arg is not None and not isinstance(arg, bool):
            raise TypeError(f"to: expected a dtype, a device or a tensor, got {type(arg).__name__}")
    need_cpu(device)
    wanted = other.dtype if other is not None else x.dtype if dtype is None else dtypes.as_dtype(dtype)
    out = cast(x, wanted)
    return out.clone() if copy and out is x else out


def type_(input: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """In this dtype; without one, the name of the tensor's type."""
    if dtype is None:
        return f"fastscratch.{input.dtype}"
    return cast(need_tensor(input, "type"), dtypes.as_dtype(dtype))


def type_as(input: Tensor, other: Tensor) -> Tensor:
    """In the dtype of another tensor."""
    return cast(need_tensor(input, "type_as"), other.dtype)


def _to_dtype(dtype: dtypes.DType) -> Any:
    def convert(input: Tensor) -> Tensor:
        return cast(need_tensor(input, str(dtype)), dtype)

    convert.__doc__ = f"In {dtype}."
    return convert


def fill_(input: Tensor, value: Any) -> Tensor:
    """Overwrite every element with one value."""
    x = need_tensor(input, "fill_")
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(f"fill_: value must be a number or a tensor without axes, got shape {value.shape}")
        return copy_(x, value)
    check_inplace(x)
    return replace(x, record(np.full(x.shape, value, x.dtype), (x,), _no_gradient))


def _no_gradient(dy, needs):
    return (np.zeros_like(dy),)


def zero_(input: Tensor) -> Tensor:
    """Overwrite with zeros."""
    return fill_(input, 0)


def copy_(input: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Overwrite with the values of src, broadcast and in this tensor's dtype."""
    x = need_tensor(input, "copy_")
    source = cast(src if isinstance(src, Tensor) else Tensor(src), x.dtype)
    check_inplace(x)
    need_broadcast(x, source, "copy_")
    value = source.expand(x.shape) if source.shape != x.shape else source
    return replace(x, record(value.array, (x, value), _copy_gradient))


def _copy_gradient(dy, needs):
    return np.zeros_like(dy) if needs[0] else None, dy


def promote_types(type1: Any, type2: Any) -> dtypes.DType:
    """The dtype of an operation on tensors of these two."""
    return dtypes.promote(dtypes.as_dtype(type1), 1, dtypes.as_dtype(type2), 1)


def result_type(tensor1: Any, tensor2: Any) -> dtypes.DType:
    """The dtype of an operation on these two tensors or numbers."""
    if isinstance(tensor1, Tensor) and isinstance(tensor2, Tensor):
        return dtypes.promote(tensor1.dtype, tensor1.ndim, tensor2.dtype, tensor2.ndim)
    if isinstance(tensor1, Tensor):
        return dtypes.result_type_scalar(tensor1.dtype, tensor2)
    if isinstance(tensor2, Tensor):
        return dtypes.result_type_scalar(tensor2.dtype, tensor1)
    return (Tensor(tensor1) + tensor2).dtype


def can_cast(from_: Any, to: Any) -> bool:
    """Can a result of one dtype be stored in a tensor of the other: not from floating to integer, nor to bool?"""
    order = "buif"
    a, b = dtypes.as_dtype(from_).kind, dtypes.as_dtype(to).kind
    return order.index(a) <= order.index(b) or {a, b} == {"u", "i"}


for _function in (copy_, fill_, to, type_as, zero_):
    method(_function)
method(type_, "type")
for _name, _dtype in {
    "bool": dtypes.bool, "char": dtypes.int8, "byte": dtypes.uint8, "short": dtypes.int16, "int": dtypes.int32,
    "long": dtypes.int64, "half": dtypes.float16, "float": dtypes.float32, "double": dtypes.float64,
}.items():  # fmt: skip
    method(_to_dtype(_dtype), _name)
