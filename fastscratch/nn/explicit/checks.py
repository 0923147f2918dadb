"""The door: what is given becomes arrays that the kernels take, or an error that names the layer and what it expected."""

import operator
from typing import Any

import numpy as np

from ... import dtypes

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]


def floating(x: Any, owner: Any, dtype: Any = None) -> Array:
    """x as float32 or float64; integers and booleans as `dtype` (the default one if None), of which floats must be already.

    Raises
    ------
    TypeError
        If x holds no such numbers, or floats of another type than `dtype`.
    """
    array = np.asarray(x)
    if array.dtype.kind in "biu":
        array = array.astype(dtype or dtypes.get_default_dtype())
    if array.dtype.kind != "f" or array.dtype.itemsize not in (4, 8):
        raise TypeError(f"{owner}: expected numbers of float32 or float64, got {array.dtype}")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if dtype is not None and array.dtype != dtype:
        raise TypeError(
            f"{owner}: the parameters are {np.dtype(dtype)} and the input is {array.dtype}; "
            f"convert it, or make the layer with dtype=np.{array.dtype}"
        )
    if array.ndim == 0:
        raise ValueError(f"{owner}: expected an array whose first axis is the batch, got a single number")
    return array


def delta_of(delta: Any, shape: Shape, x: Array, owner: Any) -> Array:
    """The gradient in a layer's output, as an array of the input's type; ValueError unless it has the output's shape."""
    array = np.asarray(delta, x.dtype)
    if array.shape != shape:
        raise ValueError(f"{owner}: delta must have the shape of the output, {shape}, got {array.shape}")
    return array


def size(value: Any, name: str, owner: str) -> int:
    """A positive integer; TypeError or ValueError for anything else."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{owner}: {name} must be an int, got {value!r}") from None
    if number < 1:
        raise ValueError(f"{owner}: {name} must be at least 1, got {number}")
    return number


def parameter_type(dtype: Any, owner: str) -> Any:
    """float32, float64 or the default; TypeError for anything else."""
    chosen = np.dtype(dtypes.get_default_dtype() if dtype is None else dtype)
    if chosen not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise TypeError(f"{owner}: dtype must be float32 or float64, got {chosen}")
    return chosen
