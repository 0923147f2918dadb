"""Functions of one element: y = f(x), and dx = dy f'(x) from whichever of x and y says it best."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..bounds import bounded, exact, ulps
from ..order import in_order_of

Array = np.ndarray[Any, Any]
Bound = Callable[..., Any]

_GELU_SLOPE = 2 * math.sqrt(2 / math.pi)


def _pointwise(bound: Bound) -> Callable[[Callable[..., Any]], Callable[..., Array]]:
    """A twin of this bound that says nothing of overflow, and returns an array for 0 axes too."""

    def mark(function: Callable[..., Any]) -> Callable[..., Array]:
        @functools.wraps(function)
        def twin(*args: Any, **kwargs: Any) -> Array:
            with np.errstate(all="ignore"):
                return in_order_of(function(*args, **kwargs), args[0])

        return bounded(bound)(twin)

    return mark


def _each(function: Callable[[float], float], x: Array) -> Array:
    """A function of the math module that NumPy lacks, of every element."""
    return np.asarray(np.frompyfunc(function, 1, 1)(x), np.float64).astype(x.dtype)


def _normal_cdf(x: Array) -> Array:
    """P(X < x) for a standard normal X, relative to itself in the negative tail too."""
    return 0.5 * _each(math.erfc, -x / math.sqrt(2))


def _normal_density(x: Array) -> Array:
    return np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _normal_moment(x: Array) -> Array:
    """x times its density: 0 at the infinities."""
    return np.where(np.isinf(x), 0, x * _normal_density(x))


def _sigmoid(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def _tanh_argument(x: Array) -> Array:
    """2 sqrt(2/pi) (x + 0.044715 x^3): GELU's tanh form is x sigmoid of it."""
    return _GELU_SLOPE * (x + 0.044715 * x**3)


# ---- bounds: ULPs of the result say little where it is a difference, or an exponent was rounded ----


def _tanh_backward_bound(eps: float, dx: Array, dy: Array, y: Array) -> Array:
    return 4 * eps * np.abs(dy) * (1 + y * y)


def _silu_backward_bound(eps: float, dx: Array, dy: Array, x: Array) -> Array:
    return 12 * eps * np.abs(dy) * _sigmoid(x) * (1 + np.abs(x))


def _softplus_bound(eps: float, y: Array, x: Array, beta: float, threshold: float) -> Array:
    return eps * (10 * np.abs(y) + 4 * np.abs(x) * _sigmoid(beta * x))


def _softplus_backward_bound(eps: float, dx: Array, dy: Array, x: Array, beta: float, threshold: float) -> Array:
    return eps * np.abs(dx) * (10 + 4 * np.abs(beta * x))


def _gelu_terms(x: Array, form: str) -> tuple[Array, Array]:
    """How much the exponent's argument, rounded, weighs; and the size of the two terms of the derivative."""
    if form == "none":
        return np.minimum(x * x, 2000), _normal_cdf(x) + np.abs(_normal_moment(x))
    if form == "tanh":
        z, slope = _tanh_argument(x), _GELU_SLOPE * (1 + 3 * 0.044715 * x * x)
        return 2 * np.abs(z), _sigmoid(z) * (1 + np.abs(x * slope))
    return np.abs(1.702 * x), _sigmoid(1.702 * x) * (1 + np.abs(1.702 * x))


def _gelu_bound(eps: float, y: Array, x: Array, form: str) -> Array:
    return eps * np.abs(y) * (14 + 4 * _gelu_terms(x, form)[0])


def _gelu_backward_bound(eps: float, dx: Array, dy: Array, x: Array, form: str) -> Array:
    weight, size = _gelu_terms(x, form)
    return eps * np.abs(dy) * size * (14 + 4 * weight)


# ---- twins ----


@_pointwise(exact)
def relu_forward(x: Array) -> Array:
    """max(x, 0)."""
    return np.maximum(x, 0)


@_pointwise(exact)
def relu_backward(dy: Array, y: Array) -> Array:
    """dy where y > 0."""
    return np.where(y <= 0, 0, dy)


@_pointwise(ulps(1))
def leaky_relu_forward(x: Array, slope: float) -> Array:
    """x where x > 0, else slope x."""
    return np.where(x > 0, x, x * slope)


@_pointwise(ulps(1))
def leaky_relu_backward(dy: Array, x: Array, slope: float) -> Array:
    """dy where x > 0, else slope dy."""
    return np.where(x > 0, dy, dy * slope)


@_pointwise(ulps(4))
def elu_forward(x: Array, alpha: float) -> Array:
    """x where x > 0, else alpha (exp(x) - 1)."""
    return np.where(x >= 0, x, alpha * np.expm1(x))


@_pointwise(ulps(4))
def elu_backward(dy: Array, x: Array, alpha: float) -> Array:
    """dy where x > 0, else dy alpha exp(x)."""
    return np.where(x > 0, dy, dy * (alpha * np.exp(x)))


@_pointwise(ulps(2))
def exp_forward(x: Array) -> Array:
    """exp(x)."""
    return np.exp(x)


@_pointwise(ulps(1))
def exp_backward(dy: Array, y: Array) -> Array:
    """dy y."""
    return dy * y


@_pointwise(ulps(3))
def expm1_forward(x: Array) -> Array:
    """exp(x) - 1."""
    return np.expm1(x)


@_pointwise(ulps(2))
def expm1_backward(dy: Array, y: Array) -> Array:
    """dy (y + 1)."""
    return dy * (y + 1)


@_pointwise(ulps(2))
def log_forward(x: Array) -> Array:
    """log(x)."""
    return np.log(x)


@_pointwise(ulps(1))
def log_backward(dy: Array, x: Array) -> Array:
    """dy / x."""
    return dy / x


@_pointwise(ulps(3))
def log1p_forward(x: Array) -> Array:
    """log(1 + x)."""
    return np.log1p(x)


@_pointwise(ulps(2))
def log1p_backward(dy: Array, x: Array) -> Array:
    """dy / (1 + x)."""
    return dy / (x + 1)


@_pointwise(ulps(1))
def sqrt_forward(x: Array) -> Array:
    """The square root."""
    return np.sqrt(x)


@_pointwise(ulps(2))
def sqrt_backward(dy: Array, y: Array) -> Array:
    """dy / (2 y)."""
    return dy / (2 * y)


@_pointwise(ulps(4))
def tanh_forward(x: Array) -> Array:
    """tanh(x)."""
    return np.tanh(x)


@_pointwise(_tanh_backward_bound)
def tanh_backward(dy: Array, y: Array) -> Array:
    """dy (1 - y^2)."""
    return dy * (1 - y * y)


@_pointwise(ulps(4))
def sigmoid_forward(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    return _sigmoid(x)


@_pointwise(ulps(2))
def sigmoid_backward(dy: Array, y: Array) -> Array:
    """dy y (1 - y)."""
    return dy * (y * (1 - y))


@_pointwise(ulps(3))
def erf_forward(x: Array) -> Array:
    """2/sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    return _each(math.erf, x)


@_pointwise(lambda eps, dx, dy, x: eps * np.abs(dx) * (8 + 2 * x * x))
def erf_backward(dy: Array, x: Array) -> Array:
    """dy 2/sqrt(pi) exp(-x^2)."""
    return dy * (2 / math.sqrt(math.pi) * np.exp(-x * x))


@_pointwise(ulps(7))
def erfc_forward(x: Array) -> Array:
    """1 - erf(x)."""
    return _each(math.erfc, x)


@_pointwise(lambda eps, dx, dy, x: eps * np.abs(dx) * (8 + 2 * x * x))
def erfc_backward(dy: Array, x: Array) -> Array:
    """-dy 2/sqrt(pi) exp(-x^2)."""
    return dy * (-2 / math.sqrt(math.pi) * np.exp(-x * x))


@_pointwise(ulps(5))
def silu_forward(x: Array) -> Array:
    """x sigmoid(x)."""
    return x * _sigmoid(x)


@_pointwise(_silu_backward_bound)
def silu_backward(dy: Array, x: Array) -> Array:
    """dy s (1 + x (1 - s)) with s = sigmoid(x)."""
    s = _sigmoid(x)
    return dy * (s * (1 + x * (1 - s)))


@_pointwise(_softplus_bound)
def softplus_forward(x: Array, beta: float, threshold: float) -> Array:
    """log(1 + exp(beta x)) / beta; x where beta x > threshold."""
    z = beta * x
    return np.where(z > threshold, x, (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / beta)


@_pointwise(_softplus_backward_bound)
def softplus_backward(dy: Array, x: Array, beta: float, threshold: float) -> Array:
    """dy sigmoid(beta x); dy where beta x > threshold."""
    z = beta * x
    return np.where(z > threshold, dy, dy * _sigmoid(z))


def _known(form: str) -> None:
    if form not in ("none", "tanh", "sigmoid"):
        raise ValueError(f'gelu: the form must be "none", "tanh" or "sigmoid", got {form!r}')


@_pointwise(_gelu_bound)
def gelu_forward(x: Array, form: str) -> Array:
    """x P(X < x) for a standard normal X ("none"), by way of tanh, or x sigmoid(1.702 x)."""
    _known(form)
    if form == "none":
        return x * _normal_cdf(x)
    return x * _sigmoid(_tanh_argument(x) if form == "tanh" else 1.702 * x)


@_pointwise(_gelu_backward_bound)
def gelu_backward(dy: Array, x: Array, form: str) -> Array:
    """dy (P + x P')."""
    _known(form)
    if form == "none":
        return dy * (_normal_cdf(x) + _normal_moment(x))
    z = _tanh_argument(x) if form == "tanh" else 1.702 * x
    slope = _GELU_SLOPE * (1 + 3 * 0.044715 * x * x) if form == "tanh" else 1.702
    s = _sigmoid(z)
    return dy * (s * (1 + x * (1 - s) * slope))
