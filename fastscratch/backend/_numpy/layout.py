"""Copies from one order of axes to another."""

from typing import Any

import numpy as np

from ..bounds import bounded, exact

Array = np.ndarray[Any, Any]


@bounded(exact)
def ordered_copy(x: Array) -> Array:
    """The elements of x in memory of their own, in C order."""
    return np.array(x, order="C")
