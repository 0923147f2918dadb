"""Activations: functions of one element, and the two that are functions of a row."""

from typing import Any

from ... import backend
from .checks import Array, delta_of, floating
from .module import Module


class _Activation(Module):
    """A layer without parameters whose output has the input's shape."""

    def _operands(self, input: Any, delta: Any) -> tuple[Array, Array]:
        x = floating(input, self)
        return x, delta_of(delta, x.shape, x, self)


class TanH(_Activation):
    """y = tanh(x); dL/dx = delta (1 - y^2).

    Examples
    --------
    >>> TanH().backward_delta([[0.0]], [[2.0]])
    array([[2.]])
    """

    def forward(self, input: Any) -> Array:
        """tanh(x)."""
        return backend.tanh_forward(floating(input, self))

    def backward_delta(self, input: Any, delta: Any) -> Array:
        """delta (1 - tanh(x)^2)."""
        x, dy = self._operands(input, delta)
        return backend.tanh_backward(dy, backend.tanh_forward(x))


class Sigmoid(_Activation):
    """y = 1 / (1 + exp(-x)); dL/dx = delta y (1 - y).

    Examples
    --------
    >>> Sigmoid().forward([[0.0]])
    array([[0.5]])
    """

    def forward(self, input: Any) -> Array:
        """1 / (1 + exp(-x))."""
        return backend.sigmoid_forward(floating(input, self))

    def backward_delta(self, input: Any, delta: Any) -> Array:
        """delta y (1 - y)."""
        x, dy = self._operands(input, delta)
        return backend.sigmoid_backward(dy, backend.sigmoid_forward(x))


class ReLU(_Activation):
    """y = max(x, 0); dL/dx = delta where x > 0, else 0 (at 0 too).

    Examples
    --------
    >>> ReLU().backward_delta([[-1.0, 0.0, 2.0]], [[5.0, 5.0, 5.0]])
    array([[0., 0., 5.]])
    """

    def forward(self, input: Any) -> Array:
        """max(x, 0)."""
        return backend.relu_forward(floating(input, self))

    def backward_delta(self, input: Any, delta: Any) -> Array:
        """delta where x > 0."""
        x, dy = self._operands(input, delta)
        return backend.relu_backward(dy, x)  # y > 0 just where x > 0


class Softmax(_Activation):
    """y_i = exp(x_i) / sum_j exp(x_j), over the last axis; dL/dx_i = y_i (delta_i - sum_j delta_j y_j).

    The last is the whole Jacobian diag(y) - y y^T times delta, right under any loss. For training, CrossEntropyLoss on the
    scores is more accurate: it takes no logarithm of a rounded probability.

    Examples
    --------
    >>> Softmax().backward_delta([[0.0, 0.0]], [[1.0, 0.0]])
    array([[ 0.25, -0.25]])
    """

    def forward(self, input: Any) -> Array:
        """exp(x) / sum exp(x), shifted so that nothing overflows."""
        x = floating(input, self)
        return backend.softmax_forward(x, x.ndim - 1)

    def backward_delta(self, input: Any, delta: Any) -> Array:
        """y (delta - sum(delta y))."""
        x, dy = self._operands(input, delta)
        return backend.softmax_backward(dy, backend.softmax_forward(x, x.ndim - 1), x.ndim - 1)


class LogSoftmax(_Activation):
    """y_i = x_i - log sum_j exp(x_j), over the last axis; dL/dx_i = delta_i - exp(y_i) sum_j delta_j, under any loss.

    Examples
    --------
    >>> LogSoftmax().backward_delta([[0.0, 0.0]], [[1.0, 0.0]])
    array([[ 0.5, -0.5]])
    """

    def forward(self, input: Any) -> Array:
        """x - log sum exp(x), shifted so that nothing overflows."""
        x = floating(input, self)
        return backend.log_softmax_forward(x, x.ndim - 1)

    def backward_delta(self, input: Any, delta: Any) -> Array:
        """delta - exp(y) sum(delta)."""
        x, dy = self._operands(input, delta)
        return backend.log_softmax_backward(dy, backend.log_softmax_forward(x, x.ndim - 1), x.ndim - 1)
