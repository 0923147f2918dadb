"""Sums, products, quotients and powers, with broadcasting."""

import operator
from typing import Any

import numpy as np

from .. import backend
from ..backend.broadcast import sum_to
from ..tape import OUTPUT
from ..tensor import Tensor, in_place, match, method, record, unary
from .operands import alike, elementwise, floating, is_number, need_broadcast, need_tensor, pair, quiet

__all__ = [
    "add", "addcdiv", "addcmul", "arctan2", "atan2", "div", "divide", "floor_divide", "fmod", "hypot", "lerp",
    "logaddexp", "mul", "multiply", "neg", "negative", "pow", "remainder", "sub", "subtract", "true_divide",
    "xlogy",
]  # fmt: skip


def add(input: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """input + alpha * other, broadcast."""
    if alpha != 1:
        other = other * alpha
    matched = match(input, other)
    if matched == 1:
        return record(backend.add(input.array, other.array), (input, other), _add__alike_gradient)
    if matched == 2:
        return record(backend.add(input.array, other), (input,), _add__number_gradient)
    a, b = pair(input, other, "add")
    return record(elementwise(np.add, a, b, "add"), (a, b), _add_gradient, a.array.shape, b.array.shape)


def _add__alike_gradient(dy, needs):
    return dy, dy


def _add__number_gradient(dy, needs):
    return (dy,)


def _add_gradient(dy, needs, a_shape, b_shape):
    return (sum_to(dy, a_shape) if needs[0] else None, sum_to(dy, b_shape) if needs[1] else None)


def sub(input: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """input - alpha * other, broadcast."""
    if alpha != 1:
        other = other * alpha
    matched = match(input, other)
    if matched == 1:
        return record(backend.sub(input.array, other.array), (input, other), _sub__alike_gradient)
    if matched == 2:
        return record(backend.sub(input.array, other), (input,), _sub__number_gradient)
    if matched == 3:
        return record(backend.sub(input, other.array), (other,), _sub__from_number_gradient)
    a, b = pair(input, other, "sub")
    return record(elementwise(np.subtract, a, b, "sub"), (a, b), _sub_gradient, a.array.shape, b.array.shape)


def _sub__alike_gradient(dy, needs):
    return dy, _negative(dy) if needs[1] else None


def _sub__number_gradient(dy, needs):
    return (dy,)


def _sub__from_number_gradient(dy, needs):
    return (_negative(dy),)


def _sub_gradient(dy, needs, a_shape, b_shape):
    return (sum_to(dy, a_shape) if needs[0] else None, sum_to(_negative(dy), b_shape) if needs[1] else None)


def mul(input: Tensor, other: Any) -> Tensor:
    """input * other, broadcast."""
    matched = match(input, other)
    if matched == 2:
        return record(backend.mul(input.array, other), (input,), _mul__number_gradient, other)
    a, b = (input, other) if matched == 1 else pair(input, other, "mul")
    y = backend.mul(a.array, b.array) if matched == 1 else elementwise(np.multiply, a, b, "mul")
    # Each operand is saved only for the other's gradient; where that is not needed its shape stands in. A view may turn
    # out to need one when its base is looked at.
    return record(
        y,
        (a, b),
        _mul_gradient,
        a.array.shape if b._node is None and b._base is None else a,
        b.array.shape if a._node is None and a._base is None else b,
    )


def _mul__number_gradient(dy, needs, factor):
    return (backend.mul(dy, factor),)


def _mul_gradient(dy, needs, a, b):
    da = sum_to(_product(dy, b), _shape(a)) if needs[0] else None
    db = sum_to(_product(dy, a), _shape(b)) if needs[1] else None
    return da, db


def _product(a, b):
    return backend.mul(a, b) if alike(a, b) else a * b


def _negative(x):
    return backend.mul(x, -1.0) if x.dtype.char in "fd" else -x


def _shape(saved: Any) -> tuple[int, ...]:
    return saved if isinstance(saved, tuple) else saved.shape


def div(input: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other, broadcast; integers give floats. rounding_mode "floor" or "trunc" rounds the quotient."""
    if rounding_mode is None:
        matched = match(input, other)
        if matched == 1:
            return record(backend.div(input.array, other.array), (input, other), _div_gradient, input, other)
        if matched == 2:
            return record(backend.div(input.array, other), (input,), _div__number_gradient, other)
    a, b = pair(input, other, "div")
    if rounding_mode is None:
        a, b = floating(a), floating(b)
        return record(elementwise(np.divide, a, b, "div"), (a, b), _div_gradient, a, b)
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(f'div: rounding_mode must be None, "floor" or "trunc", got {rounding_mode!r}')
    _need_no_zero(b, "div")
    rounded = _floor_quotient if rounding_mode == "floor" else _trunc_quotient
    return record(elementwise(rounded, a, b, "div"), (a, b), _zero_gradient, a.shape, b.shape)


def _div__number_gradient(dy, needs, divisor):
    return (backend.div(dy, divisor),)


def _div_gradient(dy, needs, a, b):
    da = sum_to(dy / b, a.shape) if needs[0] else None
    db = sum_to(-dy * a / (b * b), b.shape) if needs[1] else None
    return da, db


def _floor_quotient(a, b):
    # NumPy's floor_divide gives NaN where the quotient is infinite.
    return np.floor_divide(a, b) if a.dtype.kind != "f" else np.where(b == 0, a / b, np.floor_divide(a, b))


def _trunc_quotient(a, b):
    return np.trunc(a / b) if a.dtype.kind == "f" else (a - np.fmod(a, b)) // b


def _zero_gradient(dy, needs, a_shape, b_shape):
    return np.zeros(a_shape, dy.dtype), np.zeros(b_shape, dy.dtype)


def _need_no_zero(divisor: Tensor, operation: str) -> None:
    if divisor.dtype.kind in "iu" and not divisor.array.all():
        raise RuntimeError(f"{operation}: division by zero in {divisor.dtype}, which has no infinity")


def floor_divide(input: Tensor, other: Any) -> Tensor:
    """The quotient rounded down."""
    return div(input, other, rounding_mode="floor")


def remainder(input: Any, other: Any) -> Tensor:
    """input - other * floor(input / other): the sign of other, as Python's %."""
    a, b = pair(input, other, "remainder")
    if a.dtype.kind == "b":
        raise NotImplementedError("remainder: booleans have none")
    _need_no_zero(b, "remainder")
    return record(elementwise(np.remainder, a, b, "remainder"), (a, b), _remainder_gradient, a, b)


def _remainder_gradient(dy, needs, a, b):
    return sum_to(dy, a.shape), sum_to(-dy * np.floor(a / b), b.shape) if needs[1] else None


def fmod(input: Tensor, other: Any) -> Tensor:
    """input - other * trunc(input / other): the sign of input, as C's fmod."""
    a, b = pair(input, other, "fmod")
    _need_no_zero(b, "fmod")
    return record(elementwise(np.fmod, a, b, "fmod"), (a, b), _fmod_gradient, a, b)


def _fmod_gradient(dy, needs, a, b):
    return sum_to(dy, a.shape), sum_to(-dy * np.trunc(a / b), b.shape) if needs[1] else None


def neg(input: Tensor) -> Tensor:
    """-input."""
    y = unary(input, _neg_gradient, (), backend.mul, -1.0)
    if y is not None:
        return y
    x = need_tensor(input, "neg")
    if x.dtype.kind == "b":
        raise RuntimeError("neg: a boolean has no negative; use ~ or logical_not")
    return record(_negative(x.array), (x,), _neg_gradient)


def _neg_gradient(dy, needs):
    return (_negative(dy),)


def pow(input: Any, exponent: Any) -> Tensor:
    """input ** exponent, broadcast; either may be a number."""
    if type(exponent) in (int, float) and exponent == 2:
        y = unary(input, _pow__square_gradient, (input,), _squared)
        if y is not None:
            return y
    if is_number(exponent) and isinstance(input, Tensor) and input.array.dtype.kind == "f":
        # NumPy knows squares and roots as such only where the exponent is a Python number.
        p = float(exponent)
        return record(quiet.call(operator.pow, input.array, p), (input,), _power_gradient, input, p)
    a, b = pair(input, exponent, "pow")
    if a.dtype.kind == "b":
        raise NotImplementedError("pow: booleans have no powers")
    return record(elementwise(np.power, a, b, "pow"), (a, b), _pow_gradient, a, b)


def _squared(x):
    return backend.mul(x, x)


def _power_gradient(dy, needs, x, p):
    if p == 0:
        return (np.zeros_like(dy),)
    return (dy * (2 * x) if p == 2 else dy * (p * x ** (p - 1)),)


def _pow__square_gradient(dy, needs, x):
    return (backend.mul(dy, backend.add(x, x)),)


def _pow_gradient(dy, needs, a, b):
    da = sum_to(np.where(b == 0, 0, dy * b * a ** (b - 1)), a.shape) if needs[0] else None
    # 0 ** b with b > 0 has gradient 0 in b, although its logarithm is -inf.
    db = sum_to(np.where((a == 0) & (b >= 0), 0, dy * a**b * np.log(a)), b.shape) if needs[1] else None
    return da, db


def atan2(input: Tensor, other: Tensor) -> Tensor:
    """The angle of the point (other, input), in [-pi, pi]."""
    a, b = (floating(x) for x in pair(input, other, "atan2"))
    return record(elementwise(np.arctan2, a, b, "atan2"), (a, b), _atan2_gradient, a, b)


def _atan2_gradient(dy, needs, a, b):
    scaled = dy / (a * a + b * b)
    return sum_to(scaled * b, a.shape), sum_to(-scaled * a, b.shape)


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """sqrt(input^2 + other^2), without overflow."""
    a, b = (floating(x) for x in pair(input, other, "hypot"))
    return record(elementwise(np.hypot, a, b, "hypot"), (a, b), _hypot_gradient, a, b, OUTPUT)


def _hypot_gradient(dy, needs, a, b, y):
    return sum_to(dy * (a / y), a.shape), sum_to(dy * (b / y), b.shape)


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """ln(e^input + e^other), without overflow."""
    a, b = (floating(x) for x in pair(input, other, "logaddexp"))
    return record(elementwise(np.logaddexp, a, b, "logaddexp"), (a, b), _logaddexp_gradient, a, b, OUTPUT)


def _logaddexp_gradient(dy, needs, a, b, y):
    return sum_to(dy * np.exp(a - y), a.shape), sum_to(dy * np.exp(b - y), b.shape)


def xlogy(input: Any, other: Any) -> Tensor:
    """input * ln(other), and 0 where input is 0 (but NaN where other is NaN)."""
    a, b = (floating(x) for x in pair(input, other, "xlogy"))
    return record(elementwise(_xlogy, a, b, "xlogy"), (a, b), _xlogy_gradient, a, b)


def _xlogy(a, b):
    return np.where((a == 0) & ~np.isnan(b), a.dtype.type(0), a * np.log(b))


def _xlogy_gradient(dy, needs, a, b):
    da = sum_to(dy * np.where((a == 0) & (b <= 0), 0, np.log(b)), a.shape) if needs[0] else None
    return da, sum_to(dy * (a / b), b.shape) if needs[1] else None


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value * tensor1 * tensor2."""
    return add(input, mul(tensor1, tensor2), alpha=value)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value * tensor1 / tensor2."""
    return add(input, div(tensor1, tensor2), alpha=value)


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight * (end - input), exact at weight 0 and 1."""
    a, b = pair(need_tensor(input, "lerp"), need_tensor(end, "lerp"), "lerp")
    need_broadcast(a, b, "lerp")
    _, w = pair(a, weight, "lerp")
    y = quiet.call(_lerp, a.array, b.array, w.array)
    return record(y, (a, b, w), _lerp_gradient, a, b, w)


def _lerp(a, b, w):
    # From the nearer end, so that both ends are met exactly.
    return np.where(abs(w) < 0.5, a + w * (b - a), b - (b - a) * (1 - w)).astype(a.dtype, copy=False)


def _lerp_gradient(dy, needs, a, b, w):
    da = sum_to(dy * (1 - w), a.shape) if needs[0] else None
    db = sum_to(dy * w, b.shape) if needs[1] else None
    dw = sum_to(dy * (b - a), w.shape) if needs[2] else None
    return da, db, dw


method(add, "add", "__add__", "__radd__")
method(sub, "sub", "subtract", "__sub__")
method(lambda self, other: sub(other, self), "__rsub__")
method(mul, "mul", "multiply", "__mul__", "__rmul__")
method(div, "div", "divide", "true_divide", "__truediv__")
method(lambda self, other: div(other, self), "__rtruediv__")
method(floor_divide, "floor_divide", "__floordiv__")
method(lambda self, other: floor_divide(other, self), "__rfloordiv__")
method(remainder, "remainder", "__mod__")
method(lambda self, other: remainder(other, self), "__rmod__")
method(neg, "neg", "negative", "__neg__")
method(lambda self: self, "__pos__", "positive")
method(pow, "pow", "__pow__")
method(lambda self, other: pow(other, self), "__rpow__")
_function: Any
for _function in (addcdiv, addcmul, atan2, fmod, hypot, lerp, logaddexp, xlogy):
    method(_function)
in_place(add, "__iadd__", kernel="add")
in_place(sub, "subtract_", "__isub__", kernel="sub")
in_place(mul, "multiply_", "__imul__", kernel="mul")
in_place(div, "divide_", "__itruediv__", kernel="div")
in_place(floor_divide, "__ifloordiv__")
in_place(remainder, "__imod__")
in_place(pow, "__ipow__")
in_place(neg)
for _function in (addcdiv, addcmul, atan2, fmod, hypot, lerp, xlogy):
    in_place(_function)
method(atan2, "arctan2")
subtract, multiply, divide, true_divide, negative, arctan2 = sub, mul, div, div, neg, atan2
