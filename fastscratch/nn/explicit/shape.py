"""Layers that only arrange: nothing is computed, and the way back arranges it as it was."""

import operator
from typing import Any

import numpy as np

from .checks import Array, delta_of, floating
from .module import Module


class Reshape(Module):
    """The same numbers, row by row, in samples of another shape; dL/dx is delta in the shape of x.

    Parameters
    ----------
    *shape : int
        Of a sample, without the batch; one size may be -1: what is left.

    Raises
    ------
    ValueError
        For an input whose samples have not so many numbers.

    Examples
    --------
    >>> import numpy as np
    >>> Reshape(256, 1).forward(np.zeros((5, 16, 16))).shape
    (5, 256, 1)
    """

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = tuple(operator.index(n) for n in shape)

    def forward(self, input: Any) -> Array:
        """x in the new shape."""
        x = floating(input, self)
        try:
            # An empty batch leaves -1 open, so the shape is asked of one sample.
            return x.reshape(len(x), *np.empty(x.shape[1:]).reshape(self.shape).shape)
        except ValueError:
            raise ValueError(f"{self}: cannot arrange samples of shape {x.shape[1:]} as {self.shape}") from None

    def backward_delta(self, input: Any, delta: Any) -> Array:
        """delta in the old shape."""
        x = floating(input, self)
        return delta_of(delta, self.forward(x).shape, x, self).reshape(x.shape)

    def __repr__(self) -> str:
        return f"Reshape({', '.join(map(str, self.shape))})"


class Flatten(Reshape):
    """Each sample as one row: (batch, ...) to (batch, features).

    Examples
    --------
    >>> import numpy as np
    >>> Flatten().forward(np.zeros((5, 127, 32))).shape
    (5, 4064)
    """

    def __init__(self) -> None:
        super().__init__(-1)

    def __repr__(self) -> str:
        return "Flatten()"


class Transpose(Module):
    """Images on their side: the first two axes of each sample change places, of delta too.

    Raises
    ------
    ValueError
        For an input of fewer than three axes.

    Examples
    --------
    >>> Transpose().forward([[[1.0, 2.0, 3.0]]])
    array([[[1.],
            [2.],
            [3.]]])
    """

    def forward(self, input: Any) -> Array:
        """x[n,i,j] as y[n,j,i]."""
        x = floating(input, self)
        if x.ndim < 3:
            raise ValueError(f"{self}: expected an input of shape (batch, height, width, ...), got {x.shape}")
        return np.ascontiguousarray(x.swapaxes(1, 2))

    def backward_delta(self, input: Any, delta: Any) -> Array:
        """delta[n,j,i] as dx[n,i,j]."""
        x = floating(input, self)
        return np.ascontiguousarray(delta_of(delta, self.forward(x).shape, x, self).swapaxes(1, 2))
