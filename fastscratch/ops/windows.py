"""What convolutions and pools share: parameters given once or per axis, 1-d or unbatched inputs as batches of images."""

import functools
import operator
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..tensor import Tensor
from .operands import need_tensor

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]
LIMIT = 2**31  # of strides, paddings and the like: what is reckoned from them and a size stays below 2**63
T = TypeVar("T")


def by_shape(function: Callable[..., T]) -> Callable[..., T]:
    """Remember what a function of shapes and parameters returned: a training step asks the same a thousand times."""
    remembered = functools.lru_cache(maxsize=512, typed=True)(function)

    @functools.wraps(function)
    def call(*args: Any) -> T:
        try:
            return remembered(*args)
        except TypeError:  # a list cannot be remembered, and what is of no use at all is for the function to name
            pass
        return function(*args)

    return call


def pair_of(value: Any, dims: int, name: str, operation: str) -> Pair:
    """An int, or one for each of the dims axes, as (h, w); the height of a 1-d window is left to the caller."""
    given = value if isinstance(value, (tuple, list)) else (value,)
    try:
        sizes = [operator.index(v) for v in given]
    except TypeError:
        raise TypeError(f"{operation}: {name} must be an int or {dims} of them, got {value!r}") from None
    if len(sizes) not in (1, dims):
        raise RuntimeError(f"{operation}: {name} must be an int or {dims} of them, got {value!r}")
    if max(sizes) >= LIMIT:
        raise RuntimeError(f"{operation}: {name} must be below 2**31, got {value!r}")
    return sizes[0], sizes[-1]


def need_at_least(low: int, sizes: Pair, name: str, operation: str) -> None:
    """RuntimeError where a size is smaller than low."""
    if min(sizes) < low:
        kind = "positive" if low == 1 else "non-negative"
        raise RuntimeError(f"{operation}: {name} must be {kind}, got {sizes if sizes[0] != sizes[1] else sizes[0]}")


def need_images(x: Any, dims: int, operation: str) -> Tensor:
    """x, if it is a floating tensor (n, c, ...) or (c, ...) with dims axes after the channels."""
    tensor = need_tensor(x, operation)
    if tensor.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"{operation}: expected a {dims + 2}-d (batched) or {dims + 1}-d input, got shape {tensor.shape}"
        )
    if tensor.dtype.kind != "f":
        raise RuntimeError(f"{operation}: expected a floating dtype, got {tensor.dtype}")
    return tensor


def as_images(array: Array, dims: int, batched: bool = True) -> Array:
    """The array as a view (n, c, h, w)."""
    images = array if batched else array[None]
    return images if dims == 2 else images[:, :, None]


def from_images(images: Array, dims: int, batched: bool = True) -> Array:
    """The way back from as_images."""
    array = images if dims == 2 else images[:, :, 0]
    return array if batched else array[0]
