"""Functions of one element: the non-linearities of networks, exp, log and the error function.

Each op is the value, and beside it the gradient from whatever the value or the argument gives it most cheaply. NaN goes
through all of them. Those with ``inplace`` overwrite their argument when asked to, as in PyTorch.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import backend, dtypes
from ..backend.broadcast import sum_to
from ..quiet import quiet, quietly
from ..tape import OUTPUT, Gradient
from ..tensor import Tensor, cast, history, method, record, replace, unary, wrap
from .operands import floating, need_tensor

__all__ = [
    "celu", "elu", "erf", "erfc", "exp", "expm1", "gelu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log",
    "log1p", "logsigmoid", "mish", "prelu", "relu", "relu6", "selu", "sigmoid", "silu", "softplus", "softsign", "sqrt",
    "tanh", "tanhshrink",
]  # fmt: skip

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _argument(x: Any, operation: str, inplace: bool = False) -> Tensor:
    """The argument as a floating tensor; a copy with the same past where it will be overwritten but is still needed."""
    argument = floating(need_tensor(x, operation))
    if inplace and argument is x and history(argument) is not None:
        argument = wrap(quiet.call(x.array.copy, order="K"))
        argument._node = x._node
    return argument


def _finish(x: Tensor, y: Tensor, inplace: bool) -> Tensor:
    return replace(x, y) if inplace else y


def _of_output(input: Any, operation: str, kernel: Any, gradient: Gradient) -> Tensor:
    """An operation whose value tells its derivative; of float16, which has no kernels, in float32."""
    y = unary(input, gradient, (OUTPUT,), kernel)
    if y is not None:
        return y
    x = _argument(input, operation)
    if x.array.dtype == dtypes.float16:
        return cast(_of_output(cast(x, dtypes.float32), operation, kernel, gradient), dtypes.float16)
    return record(kernel(x.array), (x,), gradient, OUTPUT)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0); the gradient at 0 is 0.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.relu(fs.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    y = None if inplace else unary(input, _relu_gradient, (OUTPUT,), backend.relu_forward)
    if y is not None:
        return y
    x = need_tensor(input, "relu")
    if x.dtype.kind != "f":
        return _finish(x, Tensor(quiet.call(np.maximum, x.array, x.dtype.type(0))), inplace)
    return _finish(x, record(backend.relu_forward(x.array), (x,), _relu_gradient, OUTPUT), inplace)


def _relu_gradient(dy, needs, y):
    return (backend.relu_backward(dy, y),)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Input where it is positive, else negative_slope * input."""
    x = _argument(input, "leaky_relu", inplace)
    slope = float(negative_slope)
    y = record(backend.leaky_relu_forward(x.array, slope), (x,), _leaky_relu_gradient, x, slope)
    return _finish(input, y, inplace)


def _leaky_relu_gradient(dy, needs, x, slope):
    return (backend.leaky_relu_backward(dy, x, slope),)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Input where it is positive, else alpha (exp(input) - 1).

    References
    ----------
    D. Clevert, T. Unterthiner, S. Hochreiter, Fast and Accurate Deep Network Learning by Exponential Linear Units, 2016.
    """
    x = _argument(input, "elu", inplace)
    y = record(backend.elu_forward(x.array, float(alpha)), (x,), _elu_gradient, x, float(alpha))
    return _finish(input, y, inplace)


def _elu_gradient(dy, needs, x, alpha):
    return (backend.elu_backward(dy, x, alpha),)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Input where it is positive, else alpha (exp(input / alpha) - 1)."""
    if alpha == 0:
        raise RuntimeError("celu: alpha must not be 0")
    return _finish(input, elu(_argument(input, "celu", inplace) / alpha) * alpha, inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """1.0507 elu(input, 1.6733): keeps mean 0 and variance 1 from layer to layer.

    References
    ----------
    G. Klambauer et al., Self-Normalizing Neural Networks, NeurIPS 2017.
    """
    return _finish(input, elu(_argument(input, "selu", inplace), SELU_ALPHA) * SELU_SCALE, inplace)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """input P(X < input) for a standard normal X.

    Parameters
    ----------
    input : Tensor
    approximate : {"none", "tanh", "sigmoid"}
        "none" is the definition; "tanh" is input (1 + tanh(sqrt(2/pi) (input + 0.044715 input^3))) / 2; "sigmoid", which
        PyTorch does not have, is input sigmoid(1.702 input).

    Raises
    ------
    RuntimeError
        For any other form.

    Notes
    -----
    In the negative tail the result has all its digits: it comes from the tail of the distribution, not from 1 + erf.

    References
    ----------
    D. Hendrycks, K. Gimpel, Gaussian Error Linear Units, 2016, section 2.
    """
    x = _argument(input, "gelu")
    if approximate not in ("none", "tanh", "sigmoid"):
        raise RuntimeError(f'gelu: approximate must be "none", "tanh" or "sigmoid", got {approximate!r}')
    return record(backend.gelu_forward(x.array, approximate), (x,), _gelu_gradient, x, approximate)


def _gelu_gradient(dy, needs, x, form):
    return (backend.gelu_backward(dy, x, form),)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input sigmoid(input), also called swish."""
    x = _argument(input, "silu", inplace)
    return _finish(input, record(backend.silu_forward(x.array), (x,), _silu_gradient, x), inplace)


def _silu_gradient(dy, needs, x):
    return (backend.silu_backward(dy, x),)


def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """log(1 + exp(beta input)) / beta, and input itself where beta input > threshold."""
    x = _argument(input, "softplus")
    shape = float(beta), float(threshold)
    return record(backend.softplus_forward(x.array, *shape), (x,), _softplus_gradient, x, *shape)


def _softplus_gradient(dy, needs, x, beta, threshold):
    return (backend.softplus_backward(dy, x, beta, threshold),)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return _of_output(input, "tanh", backend.tanh_forward, _tanh_gradient)


def _tanh_gradient(dy, needs, y):
    return (backend.tanh_backward(dy, y),)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-input))."""
    return _of_output(input, "sigmoid", backend.sigmoid_forward, _sigmoid_gradient)


def _sigmoid_gradient(dy, needs, y):
    return (backend.sigmoid_backward(dy, y),)


def exp(input: Tensor) -> Tensor:
    """The exponential."""
    return _of_output(input, "exp", backend.exp_forward, _exp_gradient)


def _exp_gradient(dy, needs, y):
    return (backend.exp_backward(dy, y),)


def sqrt(input: Tensor) -> Tensor:
    """The square root; NaN below 0."""
    return _of_output(input, "sqrt", backend.sqrt_forward, _sqrt_gradient)


def _sqrt_gradient(dy, needs, y):
    return (backend.sqrt_backward(dy, y),)


def expm1(input: Tensor) -> Tensor:
    """exp(input) - 1, without the loss of digits near 0."""
    return _of_output(input, "expm1", backend.expm1_forward, _expm1_gradient)


def _expm1_gradient(dy, needs, y):
    return (backend.expm1_backward(dy, y),)


def log(input: Tensor) -> Tensor:
    """The natural logarithm; -inf at 0, NaN below."""
    x = _argument(input, "log")
    return record(backend.log_forward(x.array), (x,), _log_gradient, x)


def _log_gradient(dy, needs, x):
    return (backend.log_backward(dy, x),)


def log1p(input: Tensor) -> Tensor:
    """log(1 + input), without the loss of digits near 0."""
    x = _argument(input, "log1p")
    return record(backend.log1p_forward(x.array), (x,), _log1p_gradient, x)


def _log1p_gradient(dy, needs, x):
    return (backend.log1p_backward(dy, x),)


def erf(input: Tensor) -> Tensor:
    """The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to input."""
    x = _argument(input, "erf")
    return record(backend.erf_forward(x.array), (x,), _erf_gradient, x)


def _erf_gradient(dy, needs, x):
    return (backend.erf_backward(dy, x),)


def erfc(input: Tensor) -> Tensor:
    """1 - erf(input), without the loss of digits in the positive tail."""
    x = _argument(input, "erfc")
    return record(backend.erfc_forward(x.array), (x,), _erfc_gradient, x)


def _erfc_gradient(dy, needs, x):
    return (backend.erfc_backward(dy, x),)


# ---- without a kernel of their own: composed, or at NumPy's memory speed ----


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """Input held between min_val and max_val; the gradient at both is 0."""
    x = need_tensor(input, "hardtanh")
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val must not be greater than max_val, got {min_val} and {max_val}")
    y = np.asarray(quiet.call(np.clip, x.array, x.dtype.type(min_val), x.dtype.type(max_val)))
    return _finish(x, record(y, (x,), _hardtanh_gradient, OUTPUT, min_val, max_val), inplace)


def _hardtanh_gradient(dy, needs, y, low, high):
    return (np.where((y <= low) | (y >= high), 0, dy),)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Input held between 0 and 6."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(input + 3) / 6."""
    return _finish(input, relu6(_argument(input, "hardsigmoid") + 3) / 6, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input relu6(input + 3) / 6."""
    x = _argument(input, "hardswish", inplace)
    return _finish(input, hardsigmoid(x) * x, inplace)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(input)), without overflow."""
    return -softplus(-_argument(input, "logsigmoid"), threshold=math.inf)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input tanh(softplus(input)).

    References
    ----------
    D. Misra, Mish: A Self Regularized Non-Monotonic Activation Function, BMVC 2020.
    """
    x = _argument(input, "mish", inplace)
    return _finish(input, tanh(softplus(x)) * x, inplace)


def tanhshrink(input: Tensor) -> Tensor:
    """input - tanh(input)."""
    return need_tensor(input, "tanhshrink") - tanh(input)


def softsign(input: Tensor) -> Tensor:
    """input / (1 + |input|)."""
    x = _argument(input, "softsign")
    with quietly():
        return record(x.array / (1 + np.abs(x.array)), (x,), _softsign_gradient, x)


def _softsign_gradient(dy, needs, x):
    return (dy / (1 + np.abs(x)) ** 2,)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Input where it is positive, else weight * input; weight has one element, or one for each channel (axis 1).

    Raises
    ------
    RuntimeError
        If weight is neither.

    References
    ----------
    K. He et al., Delving Deep into Rectifiers, ICCV 2015, equation 1.
    """
    x, w = need_tensor(input, "prelu"), need_tensor(weight, "prelu")
    channels = x.shape[1] if x.ndim > 1 else 1
    if w.ndim > 1 or w.numel() not in (1, channels):
        raise RuntimeError(f"prelu: weight must have 1 or {channels} elements on one axis, got shape {w.shape}")
    if x.dtype != w.dtype:
        raise RuntimeError(f"prelu: input is {x.dtype}, weight is {w.dtype}")
    along = (-1,) + (1,) * (x.ndim - 2) if w.numel() > 1 else (1,) * x.ndim
    with quietly():
        y = np.where(x.array > 0, x.array, w.array.reshape(along) * x.array)
    return record(y, (x, w), _prelu_gradient, x, w, along)


def _prelu_gradient(dy, needs, x, w, along):
    slope = w.reshape(along)
    with quietly():
        dx = np.where(x > 0, dy, dy * slope) if needs[0] else None
        dw = sum_to(np.where(x > 0, 0, dy * x), slope.shape).reshape(w.shape) if needs[1] else None
    return dx, dw


_NEED_ARGUMENT = (erf, erfc, log, log1p)  # the others' gradients come from the value


def _inplace(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The method that overwrites its tensor with the function's value."""

    def change(input: Tensor) -> Tensor:
        return replace(input, function(_argument(input, change.__name__, function in _NEED_ARGUMENT)))

    change.__name__ = f"{function.__name__}_"
    change.__doc__ = f"{function.__name__}, in place."
    return change


for _function in (erf, erfc, exp, expm1, log, log1p, relu, sigmoid, sqrt, tanh):
    method(_function)
    method(_inplace(_function))
method(prelu)
