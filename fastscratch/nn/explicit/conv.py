"""Convolutions of signals and of images, channels last."""

from typing import Any

from ... import backend
from .checks import Array, delta_of, size
from .images import Windows, from_images, to_images
from .module import drawn


class _Conv(Windows):
    """Cross-correlation with chan_out filters; a filter has the axes of the data: (chan_out, [height,] length, chan_in)."""

    def __init__(
        self, k_size: Any, chan_in: int, chan_out: int, stride: Any = 1, bias: bool = True, dtype: Any = None
    ) -> None:
        name = type(self).__name__
        self.chan_in, self.chan_out = size(chan_in, "chan_in", name), size(chan_out, "chan_out", name)
        window = self.pair(k_size, "k_size")[2 - self.axes :]
        shape = (self.chan_out, *window, self.chan_in)
        values = drawn(shape, *[shape[:1]] * bias, dtype=dtype, owner=name)
        super().__init__(k_size, stride, **dict(zip(("weight", "bias"), values, strict=False)))

    def forward(self, input: Any) -> Array:
        """The filters at every window, and the bias."""
        x = self._checked(input)
        y = backend.conv2d_forward(to_images(x), self._filters(), self.parameters.get("bias"), *self._geometry(), False)
        return from_images(y, self.axes)

    def backward_delta(self, input: Any, delta: Any) -> Array:
        """Each delta, times the filter, added to the window that it came from."""
        return from_images(self._backward(input, delta, True, False, False)[0], self.axes)

    def backward_update_gradient(self, input: Any, delta: Any) -> None:
        """Add each delta times the window that it came from; to the bias, the deltas themselves."""
        _, dw, db = self._backward(input, delta, False, True, "bias" in self.parameters)
        self.gradients["weight"] += from_images(dw, self.axes)
        if db is not None:
            self.gradients["bias"] += db

    def _backward(self, input: Any, delta: Any, *needs: bool) -> Any:
        x = self._checked(input)
        dy = delta_of(delta, self.output_shape(x, self.chan_out), x, self)
        return backend.conv2d_backward(to_images(dy), to_images(x), self._filters(), *self._geometry(), *needs)

    def _filters(self) -> Array:
        return to_images(self.parameters["weight"])

    def _geometry(self) -> tuple[Any, ...]:
        return self.stride, (0, 0), (1, 1), 1  # stride, padding, dilation, groups

    def _checked(self, input: Any) -> Array:
        x = self.windowed(input, self.parameters["weight"].dtype)
        if x.shape[-1] != self.chan_in:
            raise ValueError(
                f"{self}: expected {self.chan_in} channels on the last axis, got an input of shape {x.shape}"
            )
        return x

    def __repr__(self) -> str:
        k_size, stride = self._sizes().rsplit(", ", 1) if self.axes == 1 else (self.k_size, self.stride)
        return f"{type(self).__name__}({k_size}, {self.chan_in}, {self.chan_out}, {stride})"


class Conv1D(_Conv):
    """y[n,l,k] = b[k] + sum_{s,c} W[k,s,c] x[n, l stride + s, c].

    dL/dx[n,i,c] = sum over l stride + s = i of delta[n,l,k] W[k,s,c];
    dL/dW[k,s,c] = sum_{n,l} delta[n,l,k] x[n, l stride + s, c].

    Parameters
    ----------
    k_size : int
        Length of a window.
    chan_in, chan_out : int
        Channels before and after.
    stride : int
    bias : bool
    dtype : dtype, optional

    Attributes
    ----------
    parameters : dict
        ``weight``, shape (chan_out, k_size, chan_in), and ``bias``, shape (chan_out,), from U(-k, k),
        k = 1 / sqrt(k_size chan_in).

    Raises
    ------
    ValueError
        For an input that is not (batch, length, chan_in) with length >= k_size, or a delta that has not the output's shape
        (batch, floor((length - k_size) / stride) + 1, chan_out).
    TypeError
        For an input of another floating type than the parameters.

    Examples
    --------
    >>> import numpy as np
    >>> step = Conv1D(2, 1, 1)
    >>> step.parameters["weight"][:], step.parameters["bias"][:] = [[[-1], [1]]], 0
    >>> step.forward(np.array([[[1], [2], [4]]]))[0, :, 0]
    array([1., 2.], dtype=float32)
    """

    axes = 1


class Conv2D(_Conv):
    """y[n,i,j,k] = b[k] + sum_{r,s,c} W[k,r,s,c] x[n, i stride + r, j stride + s, c].

    Gradients as of Conv1D, with two axes for one.

    Parameters
    ----------
    k_size : int or (int, int)
        Height and width of a window.
    chan_in, chan_out : int
    stride : int or (int, int)
    bias : bool
    dtype : dtype, optional

    Attributes
    ----------
    parameters : dict
        ``weight``, shape (chan_out, height, width, chan_in), and ``bias``, shape (chan_out,).

    Raises
    ------
    ValueError, TypeError
        As Conv1D, for an input that is not (batch, height, width, chan_in).

    Examples
    --------
    >>> import numpy as np
    >>> Conv2D(3, 1, 8).forward(np.zeros((2, 16, 16, 1), np.float32)).shape
    (2, 14, 14, 8)
    """

    axes = 2
