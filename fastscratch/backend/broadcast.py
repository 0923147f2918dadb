"""Undoing a broadcast: the gradient of an operand that was stretched is the sum over what it was stretched along."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def sum_to(x: Array, shape: tuple[int, ...]) -> Array:
    """Sum over the axes that broadcasting `shape` to `x.shape` added or stretched; x itself if there are none."""
    if x.shape == shape:
        return x
    lead = x.ndim - len(shape)
    stretched = [i + lead for i, size in enumerate(shape) if size == 1 and x.shape[i + lead] != 1]
    return x.sum(axis=(*range(lead), *stretched), keepdims=True).reshape(shape)


def stretch(x: Array, shape: tuple[int, ...]) -> Array:
    """x, of one element, seen as an array of this shape: read-only, and no copy (what np.broadcast_to takes 3 us for)."""
    view: Array = np.ndarray(shape, x.dtype, x, 0, (0,) * len(shape))
    view.flags.writeable = False
    return view
