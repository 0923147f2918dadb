"""Sums, products, quotients and powers, with broadcasting."""

from typing import Any

import numpy as np

from ..backend.broadcast import sum_to
from ..tensor import Tensor, method, record, replace
from .operands import floating, need_broadcast, need_tensor, pair

__all__ = ["add", "div", "mul", "neg", "pow", "sub"]


def add(input: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """input + alpha * other, broadcast."""
    if alpha != 1:
        other = mul(other, alpha) if isinstance(other, Tensor) else other * alpha
    a, b = _broadcastable(input, other, "add")
    return record(a.array + b.array, (a, b), _add_gradient, a.array.shape, b.array.shape)


def _add_gradient(dy, needs, a_shape, b_shape):
    return (sum_to(dy, a_shape) if needs[0] else None, sum_to(dy, b_shape) if needs[1] else None)


def sub(input: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """input - alpha * other, broadcast."""
    if alpha != 1:
        other = mul(other, alpha) if isinstance(other, Tensor) else other * alpha
    a, b = _broadcastable(input, other, "sub")
    return record(a.array - b.array, (a, b), _sub_gradient, a.array.shape, b.array.shape)


def _sub_gradient(dy, needs, a_shape, b_shape):
    return (sum_to(dy, a_shape) if needs[0] else None, sum_to(-dy, b_shape) if needs[1] else None)


def mul(input: Tensor, other: Any) -> Tensor:
    """input * other, broadcast."""
    a, b = _broadcastable(input, other, "mul")
    return record(a.array * b.array, (a, b), _mul_gradient, a if b._tracked else a.shape, b if a._tracked else b.shape)


def _mul_gradient(dy, needs, a, b):
    # Each operand is saved only for the other's gradient; where it is not needed its shape stands in.
    da = sum_to(dy * b, _shape(a)) if needs[0] else None
    db = sum_to(dy * a, _shape(b)) if needs[1] else None
    return da, db


def _shape(saved: Any) -> tuple[int, ...]:
    return saved if isinstance(saved, tuple) else saved.shape


def div(input: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other, broadcast; integers give floats. rounding_mode "floor" or "trunc" rounds the quotient."""
    a, b = _broadcastable(input, other, "div")
    if rounding_mode is None:
        a, b = floating(a), floating(b)
        with np.errstate(all="ignore"):
            return record(a.array / b.array, (a, b), _div_gradient, a, b)
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(f'div: rounding_mode must be None, "floor" or "trunc", got {rounding_mode!r}')
    with np.errstate(all="ignore"):
        quotient = np.floor_divide(a.array, b.array) if rounding_mode == "floor" else np.trunc(a.array / b.array)
    return record(quotient.astype(a.dtype, copy=False), (a, b), _zero_gradient, a.shape, b.shape)


def _div_gradient(dy, needs, a, b):
    with np.errstate(all="ignore"):
        da = sum_to(dy / b, a.shape) if needs[0] else None
        db = sum_to(-dy * a / (b * b), b.shape) if needs[1] else None
    return da, db


def _zero_gradient(dy, needs, a_shape, b_shape):
    return np.zeros(a_shape, dy.dtype), np.zeros(b_shape, dy.dtype)


def neg(input: Tensor) -> Tensor:
    """-input."""
    return record(-need_tensor(input, "neg").array, (input,), _neg_gradient)


def _neg_gradient(dy, needs):
    return (-dy,)


def pow(input: Any, exponent: Any) -> Tensor:
    """input ** exponent, broadcast; either may be a number."""
    a, b = _broadcastable(input, exponent, "pow")
    with np.errstate(all="ignore"):
        return record(a.array**b.array, (a, b), _pow_gradient, a, b)


def _pow_gradient(dy, needs, a, b):
    with np.errstate(all="ignore"):
        da = sum_to(np.where(b == 0, 0, dy * b * a ** (b - 1)), a.shape) if needs[0] else None
        # 0 ** b with b > 0 has gradient 0 in b, although its logarithm is -inf.
        db = sum_to(np.where((a == 0) & (b >= 0), 0, dy * a**b * np.log(a)), b.shape) if needs[1] else None
    return da, db


def _broadcastable(a: Any, b: Any, operation: str) -> tuple[Tensor, Tensor]:
    x, y = pair(a, b, operation)
    if x.array.shape != y.array.shape:
        need_broadcast(x, y, operation)
    return x, y


def add_(input: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """input += alpha * other."""
    return replace(input, add(input, other, alpha=alpha))


def sub_(input: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """input -= alpha * other."""
    return replace(input, sub(input, other, alpha=alpha))


def mul_(input: Tensor, other: Any) -> Tensor:
    """input *= other."""
    return replace(input, mul(input, other))


def div_(input: Tensor, other: Any) -> Tensor:
    """input /= other."""
    return replace(input, div(input, other))


method(add, "add", "__add__", "__radd__")
method(sub, "sub", "subtract", "__sub__")
method(lambda self, other: sub(other, self), "__rsub__")
method(mul, "mul", "multiply", "__mul__", "__rmul__")
method(div, "div", "divide", "true_divide", "__truediv__")
method(lambda self, other: div(other, self), "__rtruediv__")
method(lambda self, other: div(self, other, rounding_mode="floor"), "__floordiv__", "floor_divide")
method(neg, "neg", "negative", "__neg__")
method(pow, "pow", "__pow__")
method(lambda self, other: pow(other, self), "__rpow__")
method(add_, "add_", "__iadd__")
method(sub_, "sub_", "__isub__")
method(mul_, "mul_", "__imul__")
method(div_, "div_", "__itruediv__")
