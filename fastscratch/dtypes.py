"""Types: their PyTorch names, the default, and promotion as PyTorch does it."""

import builtins
from typing import Any

import numpy as np

DType = np.dtype[Any]

float16: DType = np.dtype("float16")
float32: DType = np.dtype("float32")
float64: DType = np.dtype("float64")
int8: DType = np.dtype("int8")
int16: DType = np.dtype("int16")
int32: DType = np.dtype("int32")
int64: DType = np.dtype("int64")
uint8: DType = np.dtype("uint8")
bool: DType = np.dtype("bool")
half, float, double, short, int, long = float16, float32, float64, int16, int32, int64

_RANK = {"b": 0, "u": 1, "i": 1, "f": 2}
_KNOWN = {float16, float32, float64, int8, int16, int32, int64, uint8, bool}
_default = float32


def get_default_dtype() -> DType:
    """The type of new floating tensors: float32 unless set otherwise."""
    return _default


def set_default_dtype(dtype: Any) -> None:
    """Make new floating tensors float32 or float64."""
    global _default  # noqa: PLW0603
    wanted = as_dtype(dtype)
    if wanted not in (float32, float64):
        raise TypeError(f"the default dtype must be float32 or float64, got {wanted}")
    _default = wanted


def as_dtype(dtype: Any) -> DType:
    """A NumPy dtype from one, from its name, or from the Python types float (float64), int and bool."""
    try:
        known = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"not a dtype: {dtype!r}") from None
    if known not in _KNOWN:
        raise TypeError(f"dtype {known} is not supported; supported: {', '.join(sorted(map(str, _KNOWN)))}")
    return known


def promote(a: DType, a_dim: Any, b: DType, b_dim: Any) -> DType:
    """The type of an operation on two tensors.

    The higher category (bool < integer < floating) wins; within one, tensors with axes outrank those without. Unlike
    NumPy, an integer and a float32 give float32.
    """
    if a == b:
        return a
    rank_a, rank_b = _RANK[a.kind], _RANK[b.kind]
    if rank_a != rank_b:
        return a if rank_a > rank_b else b
    if (a_dim == 0) != (b_dim == 0):
        return b if a_dim == 0 else a
    return np.promote_types(a, b)


def result_type_scalar(dtype: DType, value: Any) -> DType:
    """The type of an operation on a tensor and a Python number, which counts for its category alone."""
    if isinstance(value, (builtins.bool, np.bool_)):
        return dtype
    if isinstance(value, (builtins.int, np.integer)):
        return int64 if dtype.kind == "b" else dtype
    return dtype if dtype.kind == "f" else _default
