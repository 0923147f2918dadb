"""The fully connected layer, and the same layer backwards."""

from typing import Any

from ... import backend
from .checks import Array, delta_of, floating, size
from .module import Module, drawn


class Linear(Module):
    """y = x W^T + b; dL/dx = delta W, dL/dW = delta^T x, dL/db = the sum of delta over the batch.

    Parameters
    ----------
    input, output : int
        Features of a sample before and after.
    bias : bool
        Add b.
    dtype : dtype, optional
        Of the parameters and of what the layer takes; the default dtype if not given.

    Attributes
    ----------
    parameters : dict
        ``weight``, shape (output, input), and ``bias``, shape (output,), from U(-k, k), k = 1 / sqrt(input).

    Raises
    ------
    ValueError
        For an input whose last axis is not of size `input`, or a delta that has not the output's shape.
    TypeError
        For an input of another floating type than the parameters.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Linear(2, 1)
    >>> layer.parameters["weight"][:], layer.parameters["bias"][:] = [[1, 2]], [3]
    >>> x, delta = np.array([[1, 1], [0, 1]]), np.array([[1], [10]])
    >>> layer.forward(x)
    array([[6.],
           [5.]], dtype=float32)
    >>> layer.backward_update_gradient(x, delta)
    >>> layer.gradients["weight"], layer.gradients["bias"]
    (array([[ 1., 11.]], dtype=float32), array([11.], dtype=float32))
    >>> layer.backward_delta(x, delta)
    array([[ 1.,  2.],
           [10., 20.]], dtype=float32)
    """

    def __init__(self, input: int, output: int, bias: bool = True, dtype: Any = None) -> None:
        shape = size(output, "output", "Linear"), size(input, "input", "Linear")
        values = drawn(shape, *[shape[:1]] * bias, dtype=dtype, owner="Linear")
        super().__init__(**dict(zip(("weight", "bias"), values, strict=False)))

    @property
    def weight(self) -> Array:
        """The matrix W, shape (output, input)."""
        return self.parameters["weight"]

    def forward(self, input: Any) -> Array:
        """x W^T + b."""
        return backend.linear_forward(self._checked(input), self.weight, self.parameters.get("bias"))

    def backward_delta(self, input: Any, delta: Any) -> Array:
        """delta W."""
        return self._backward(input, delta, True, False, False)[0]

    def backward_update_gradient(self, input: Any, delta: Any) -> None:
        """Add delta^T x and the sum of delta."""
        _, dw, db = self._backward(input, delta, False, True, "bias" in self.parameters)
        self._add_weight_gradient(dw)
        if db is not None:
            self.gradients["bias"] += db

    def _backward(self, input: Any, delta: Any, *needs: bool) -> Any:
        x = self._checked(input)
        dy = delta_of(delta, (*x.shape[:-1], len(self.weight)), x, self)
        return backend.linear_backward(dy, x, self.weight, *needs)

    def _add_weight_gradient(self, dw: Array) -> None:
        self.gradients["weight"] += dw

    def _checked(self, input: Any) -> Array:
        x = floating(input, self, self.weight.dtype)
        if x.ndim < 2 or x.shape[-1] != self.weight.shape[1]:
            raise ValueError(f"{self}: expected an input of shape (batch, {self.weight.shape[1]}), got {x.shape}")
        return x

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.weight.shape[1]}, {self.weight.shape[0]})"


class TiedLinear(Linear):
    """y = x W + b with the weight W of another layer and a bias of its own: the way back through that layer's map.

    Parameters
    ----------
    source : Linear
        The layer whose weight is shared; dL/dW is added to its gradients, as x^T delta. It is updated where `source` is.
    """

    def __init__(self, source: Linear) -> None:
        outputs, inputs = source.weight.shape
        (bias,) = drawn((inputs, outputs), (inputs,), dtype=source.weight.dtype, owner="TiedLinear")[1:]
        Module.__init__(self, bias=bias)
        self.source = source

    @property
    def weight(self) -> Array:
        """The transpose of the other layer's matrix."""
        return self.source.weight.T

    def children(self) -> tuple[Module, ...]:
        """The layer that the weight belongs to."""
        return (self.source,)

    def _add_weight_gradient(self, dw: Array) -> None:
        self.source.gradients["weight"] += dw.T
