"""Questions whose answers are true or false, and what can be done with the answers."""

from typing import Any

import numpy as np

from .. import backend
from ..tensor import Tensor, compared, in_place, match, method, wrap
from .operands import elementwise, is_number, need_kind, need_tensor, pair, quiet

__all__ = [
    "allclose", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "eq", "equal", "ge", "greater",
    "greater_equal", "gt", "is_floating_point", "is_nonzero", "isclose", "isfinite", "isin", "isinf", "isnan",
    "isneginf", "isposinf", "le", "less", "less_equal", "logical_and", "logical_not", "logical_or", "logical_xor",
    "lt", "ne", "not_equal", "signbit",
]  # fmt: skip


def eq(input: Tensor, other: Any) -> Tensor:
    """input == other, element by element, broadcast; NaN equals nothing."""
    return _compare(np.equal, input, other, "eq")


def ne(input: Tensor, other: Any) -> Tensor:
    """input != other, element by element, broadcast."""
    return _compare(np.not_equal, input, other, "ne")


def lt(input: Tensor, other: Any) -> Tensor:
    """input < other, element by element, broadcast."""
    return _compare(np.less, input, other, "lt")


def le(input: Tensor, other: Any) -> Tensor:
    """input <= other, element by element, broadcast."""
    return _compare(np.less_equal, input, other, "le")


def gt(input: Tensor, other: Any) -> Tensor:
    """input > other, element by element, broadcast."""
    return _compare(np.greater, input, other, "gt")


def ge(input: Tensor, other: Any) -> Tensor:
    """input >= other, element by element, broadcast."""
    return _compare(np.greater_equal, input, other, "ge")


def _compare(ufunc: Any, input: Any, other: Any, operation: str) -> Tensor:
    y = compared(getattr(backend, ufunc.__name__), input, other)
    return _answered(ufunc, input, other, operation) if y is None else y


def _answered(ufunc: Any, input: Any, other: Any, operation: str) -> Tensor:
    """NumPy's answer, of whatever shapes and types."""
    if match(input, other) == 2:  # NumPy rounds a number to the array's type
        return wrap(quiet.call(ufunc, input.array, other))
    if type(other) is int and isinstance(input, Tensor) and input.array.dtype.kind in "iu":
        return wrap(quiet.call(ufunc, input.array, other))  # NumPy compares with integers of any size
    a, b = pair(input, other, operation)
    return wrap(elementwise(ufunc, a, b, operation))


def equal(input: Tensor, other: Tensor) -> bool:
    """Have both the same shape and the same elements?"""
    a, b = need_tensor(input, "equal"), need_tensor(other, "equal")
    return bool(np.array_equal(a.array, b.array))


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """|input - other| <= atol + rtol * |other|, element by element; infinities are close to themselves."""
    a, b = need_tensor(input, "isclose"), need_tensor(other, "isclose")
    if a.dtype != b.dtype:
        raise RuntimeError(f"isclose: the dtypes differ, {a.dtype} and {b.dtype}")
    return wrap(quiet.call(np.isclose, a.array, b.array, rtol=rtol, atol=atol, equal_nan=equal_nan))


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Is every element close? See :func:`isclose`."""
    return bool(isclose(input, other, rtol, atol, equal_nan).array.all())


def isin(elements: Tensor, test_elements: Any, *, invert: bool = False) -> Tensor:
    """Where is an element of the first also one of the second?"""
    known = test_elements.array if isinstance(test_elements, Tensor) else test_elements
    return wrap(np.isin(need_tensor(elements, "isin").array, known, invert=invert))


def is_floating_point(input: Tensor) -> bool:
    """Is the dtype a floating one?"""
    return need_tensor(input, "is_floating_point").is_floating_point()


def is_nonzero(input: Tensor) -> bool:
    """Is the only element not zero?"""
    return bool(need_tensor(input, "is_nonzero"))


def isnan(input: Tensor) -> Tensor:
    """Where is the input NaN?"""
    return wrap(np.isnan(need_tensor(input, "isnan").array))


def isinf(input: Tensor) -> Tensor:
    """Where is the input infinite?"""
    return wrap(np.isinf(need_tensor(input, "isinf").array))


def isposinf(input: Tensor) -> Tensor:
    """Where is the input +inf?"""
    return wrap(need_tensor(input, "isposinf").array == np.inf)


def isneginf(input: Tensor) -> Tensor:
    """Where is the input -inf?"""
    return wrap(need_tensor(input, "isneginf").array == -np.inf)


def isfinite(input: Tensor) -> Tensor:
    """Where is the input neither infinite nor NaN?"""
    return wrap(np.isfinite(need_tensor(input, "isfinite").array))


def signbit(input: Tensor) -> Tensor:
    """Where is the sign negative, that of -0. too?"""
    x = need_tensor(input, "signbit").array
    return wrap(np.signbit(x) if x.dtype.kind == "f" else x < 0)


def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """Both; whatever is not zero is true."""
    return _answered(np.logical_and, input, other, "logical_and")


def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """At least one; whatever is not zero is true."""
    return _answered(np.logical_or, input, other, "logical_or")


def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Exactly one; whatever is not zero is true."""
    return _answered(np.logical_xor, input, other, "logical_xor")


def logical_not(input: Tensor) -> Tensor:
    """Is it zero?"""
    return wrap(np.logical_not(need_tensor(input, "logical_not").array))


def bitwise_and(input: Tensor, other: Any) -> Tensor:
    """input & other for booleans and integers."""
    return _bitwise(np.bitwise_and, input, other, "bitwise_and")


def bitwise_or(input: Tensor, other: Any) -> Tensor:
    """input | other for booleans and integers."""
    return _bitwise(np.bitwise_or, input, other, "bitwise_or")


def bitwise_xor(input: Tensor, other: Any) -> Tensor:
    """input ^ other for booleans and integers."""
    return _bitwise(np.bitwise_xor, input, other, "bitwise_xor")


def bitwise_not(input: Tensor) -> Tensor:
    """~input: the complement of booleans and integers."""
    return wrap(np.invert(need_kind(need_tensor(input, "bitwise_not"), "biu", "bitwise_not").array))


def _bitwise(ufunc: Any, input: Any, other: Any, operation: str) -> Tensor:
    a, b = pair(input, other, operation)
    return wrap(elementwise(ufunc, need_kind(a, "biu", operation), need_kind(b, "biu", operation), operation))


def _operator(compare: Any, kernel: str) -> Any:
    """The operator leaves what is neither tensor, array nor number to Python: x == None is False."""

    def operator(self: Tensor, other: Any) -> Any:
        y = compared(getattr(backend, kernel), self, other)
        if y is not None:
            return y
        known = isinstance(other, Tensor) or is_number(other) or isinstance(other, np.ndarray)
        return compare(self, other) if known else NotImplemented

    return operator


_UFUNCS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
for _compares, _ufunc in zip((eq, ne, lt, le, gt, ge), _UFUNCS, strict=True):
    method(_compares)
    method(_operator(_compares, _ufunc.__name__), f"__{_compares.__name__}__")
_function: Any
for _function in (
    allclose, bitwise_and, bitwise_not, bitwise_or, bitwise_xor, equal, is_nonzero,
    isclose, isfinite, isinf, isnan, isneginf,
    isposinf, logical_and, logical_not, logical_or, logical_xor, signbit,
):  # fmt: skip
    method(_function)
for _function in (eq, ge, gt, le, logical_and, logical_not, logical_or, logical_xor, lt, ne):
    in_place(_function)
method(bitwise_and, "__and__", "__rand__")
method(bitwise_or, "__or__", "__ror__")
method(bitwise_xor, "__xor__", "__rxor__")
method(bitwise_not, "__invert__")
in_place(bitwise_and, "__iand__")
in_place(bitwise_not)
in_place(bitwise_or, "__ior__")
in_place(bitwise_xor, "__ixor__")
greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne
for _name in ("greater", "greater_equal", "less", "less_equal", "not_equal"):
    method(globals()[_name], _name)
