"""Pools: the largest or the mean of each window of a channel."""

from typing import Any

from ... import backend
from .checks import Array, delta_of
from .images import Windows, from_images, to_images


class _Pool(Windows):
    def __init__(self, k_size: Any, stride: Any = None) -> None:
        super().__init__(k_size, k_size if stride is None else stride)

    def _operands(self, input: Any, delta: Any) -> tuple[Array, Array]:
        """The input and delta, as images."""
        x = self.windowed(input)
        return to_images(x), to_images(delta_of(delta, self.output_shape(x, x.shape[-1]), x, self))


class _MaxPool(_Pool):
    def forward(self, input: Any) -> Array:
        """The largest of each window; NaN where there is one."""
        return from_images(self._largest(to_images(self.windowed(input)))[0], self.axes)

    def backward_delta(self, input: Any, delta: Any) -> Array:
        """Each delta, where the largest came from: the first of equals."""
        x, dy = self._operands(input, delta)
        return from_images(backend.max_pool2d_backward(dy, self._largest(x)[1], x.shape), self.axes)

    def _largest(self, x: Array) -> Any:
        """The largest of each window, and where it stands."""
        return backend.max_pool2d_forward(x, self.k_size, self.stride, (0, 0), (1, 1), False)


class _AvgPool(_Pool):
    def forward(self, input: Any) -> Array:
        """The mean of each window."""
        x = to_images(self.windowed(input))
        return from_images(backend.avg_pool2d_forward(x, *self._geometry()), self.axes)

    def backward_delta(self, input: Any, delta: Any) -> Array:
        """Each delta, shared out evenly over its window."""
        x, dy = self._operands(input, delta)
        return from_images(backend.avg_pool2d_backward(dy, x.shape, *self._geometry()), self.axes)

    def _geometry(self) -> tuple[Any, ...]:
        return self.k_size, self.stride, (0, 0), False, True, None  # padding, whole windows, divided by their size


class MaxPool1D(_MaxPool):
    """y[n,l,c] = max_s x[n, l stride + s, c]; dL/dx is delta at the place of the (first) largest.

    Parameters
    ----------
    k_size : int
    stride : int, optional
        k_size if not given.

    Raises
    ------
    ValueError
        For an input that is not (batch, length, channels) with length >= k_size, or a delta not of the output's shape.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[1.0], [4.0], [2.0], [3.0]]])
    >>> MaxPool1D(2, 2).forward(x)[0, :, 0]
    array([4., 3.])
    >>> MaxPool1D(2, 2).backward_delta(x, np.array([[[10.0], [20.0]]]))[0, :, 0]
    array([ 0., 10.,  0., 20.])
    """

    axes = 1


class MaxPool2D(_MaxPool):
    """y[n,i,j,c] = max_{r,s} x[n, i stride + r, j stride + s, c]; as MaxPool1D, on (batch, height, width, channels).

    Parameters
    ----------
    k_size : int or (int, int)
    stride : int or (int, int), optional
        k_size if not given.
    """

    axes = 2


class AvgPool1D(_AvgPool):
    """y[n,l,c] = (1 / k_size) sum_s x[n, l stride + s, c]; dL/dx[n,i,c] = the sum of delta / k_size over i's windows.

    Parameters
    ----------
    k_size : int
    stride : int, optional
        k_size if not given.

    Examples
    --------
    >>> import numpy as np
    >>> AvgPool1D(2).forward(np.array([[[1.0], [4.0], [2.0], [3.0]]]))[0, :, 0]
    array([2.5, 2.5])
    """

    axes = 1


class AvgPool2D(_AvgPool):
    """The mean of each window of (batch, height, width, channels); as AvgPool1D.

    Parameters
    ----------
    k_size : int or (int, int)
    stride : int or (int, int), optional
        k_size if not given.
    """

    axes = 2
