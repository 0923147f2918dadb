"""Softmax, its logarithm, and the logarithm of a sum of exponentials."""

import math
from typing import Any

from .. import backend, dtypes
from ..tape import OUTPUT
from ..tensor import Tensor, cast, method, record
from .operands import axes_of, axis_of, floating, need_tensor

__all__ = ["log_softmax", "logsumexp", "softmax", "softmin"]


def _argument(x: Any, dtype: Any, operation: str) -> Tensor:
    """The argument, cast first if a dtype is given."""
    argument = need_tensor(x, operation)
    if dtype is not None:
        argument = cast(argument, dtypes.as_dtype(dtype))
    if argument.dtype.kind != "f":
        raise RuntimeError(f"{operation}: expected a floating dtype, got {argument.dtype}; use {operation}(dtype=...)")
    return argument


def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """exp(input) / sum(exp(input)), the sum running along dim.

    Parameters
    ----------
    input : Tensor
    dim : int
        Along which the results add up to 1.
    dtype : dtype, optional
        Cast input to this first.

    Raises
    ------
    IndexError
        If there is no such dim.
    RuntimeError
        If input is not floating and no dtype is given.

    Notes
    -----
    Nothing overflows: the largest element is subtracted first. A line of -inf alone, or with a NaN or +inf in it, is NaN.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.softmax(fs.tensor([0.0, 0.0]), dim=0)
    tensor([0.5, 0.5])
    """
    x = _argument(input, dtype, "softmax")
    axis = axis_of(dim, x.ndim, "softmax")
    return record(backend.softmax_forward(x.array, axis), (x,), _softmax_gradient, OUTPUT, axis)


def _softmax_gradient(dy, needs, y, axis):
    return (backend.softmax_backward(dy, y, axis),)


def softmin(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """softmax(-input)."""
    return softmax(-_argument(input, dtype, "softmin"), dim)


def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """input - log(sum(exp(input))), the sum running along dim: the logarithm of softmax without the loss of its digits.

    Parameters, errors and notes as for :func:`softmax`.
    """
    x = _argument(input, dtype, "log_softmax")
    axis = axis_of(dim, x.ndim, "log_softmax")
    return record(backend.log_softmax_forward(x.array, axis), (x,), _log_softmax_gradient, OUTPUT, axis)


def _log_softmax_gradient(dy, needs, y, axis):
    return (backend.log_softmax_backward(dy, y, axis),)


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) over dim, an int or several; integers and booleans are cast to the default dtype.

    Raises
    ------
    IndexError
        If there is no such dim.
    RuntimeError
        If a dim is given twice.

    Notes
    -----
    Nothing overflows. A line of -inf alone, or an empty one, gives -inf.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.logsumexp(fs.tensor([[1000.0, 1000.0]]), dim=1)
    tensor([1000.6932])
    """
    x = floating(need_tensor(input, "logsumexp"))
    axes = axes_of(dim, x.ndim, "logsumexp")
    if len(axes) == 1:
        axis, order, lines = axes[0], None, x.array
    else:  # brought to the end, as one
        kept = [i for i in range(x.ndim) if i not in axes]
        axis, order = len(kept), (*kept, *axes)
        size = math.prod(x.shape[i] for i in axes)
        lines = x.array.transpose(order).reshape(*[x.shape[i] for i in kept], size)
    y = backend.logsumexp_forward(lines, axis)
    if keepdim:
        y = y.reshape([1 if i in axes else s for i, s in enumerate(x.shape)])
    return record(y, (x,), _logsumexp_gradient, x, OUTPUT, axis, order)


def _logsumexp_gradient(dy, needs, x, y, axis, order):
    if order is None:
        shape = (*x.shape[:axis], *x.shape[axis + 1 :])
        return (backend.logsumexp_backward(dy.reshape(shape), x, y.reshape(shape), axis),)
    moved = x.transpose(order)
    shape = moved.shape[:axis]
    lines = moved.reshape(*shape, math.prod(moved.shape[axis:]))
    dx = backend.logsumexp_backward(dy.reshape(shape), lines, y.reshape(shape), axis)
    inverse = sorted(range(len(order)), key=order.__getitem__)
    return (dx.reshape(moved.shape).transpose(inverse),)


for _function in (softmax, log_softmax, logsumexp):
    method(_function)
