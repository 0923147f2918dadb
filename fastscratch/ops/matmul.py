"""Matrix products."""

from typing import Any

from .. import backend
from ..tensor import Tensor, method, record
from .operands import need_tensor, pair

__all__ = ["matmul"]


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Matrix product; leading axes broadcast, 1-d operands are vectors.

    Parameters
    ----------
    input : Tensor, shape (..., m, k) or (k,)
    other : Tensor, shape (..., k, n) or (k,)

    Returns
    -------
    Tensor, shape (..., m, n), without the axis of an operand that was a vector

    Raises
    ------
    RuntimeError
        If the inner sizes differ, the batch axes do not broadcast or an operand has no axes.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.matmul(fs.tensor([[1.0, 2.0]]), fs.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    a, b = pair(need_tensor(input, "matmul"), need_tensor(other, "matmul"), "matmul")
    if a.ndim == 0 or b.ndim == 0:
        raise RuntimeError(f"matmul: both operands need at least 1 axis, got shapes {a.shape} and {b.shape}")
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise RuntimeError(f"matmul: the inner sizes of {a.shape} and {b.shape} differ")
    if a.dtype.kind != "f":
        return Tensor(a.array @ b.array)
    left = a.array[None] if a.ndim == 1 else a.array
    right = b.array[:, None] if b.ndim == 1 else b.array
    try:
        y = backend.matmul(left, right)
    except ValueError as error:
        raise RuntimeError(str(error)) from None
    shape = y.shape
    y = y.reshape(_without_vector_axes(shape, a.ndim, b.ndim))
    return record(y, (a, b), _matmul_gradient, a, b, shape)


def _without_vector_axes(shape: tuple[int, ...], a_ndim: int, b_ndim: int) -> tuple[int, ...]:
    batch, m, n = shape[:-2], shape[-2], shape[-1]
    return (*batch, *((m,) if a_ndim > 1 else ()), *((n,) if b_ndim > 1 else ()))


def _matmul_gradient(dy, needs, a, b, shape):
    left = a[None] if a.ndim == 1 else a
    right = b[:, None] if b.ndim == 1 else b
    da, db = backend.matmul_backward(dy.reshape(shape), left, right, needs[0], needs[1])
    return (da.reshape(a.shape) if needs[0] else None, db.reshape(b.shape) if needs[1] else None)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = input weight^T + bias.

    Parameters
    ----------
    input : Tensor, shape (..., in_features)
    weight : Tensor, shape (out_features, in_features)
    bias : Tensor, shape (out_features,), optional

    Raises
    ------
    RuntimeError
        If the shapes do not fit together or the dtypes differ.
    """
    x, w = need_tensor(input, "linear"), need_tensor(weight, "linear")
    try:
        y = backend.linear_forward(x.array, w.array, None if bias is None else bias.array)
    except (ValueError, TypeError) as error:
        raise RuntimeError(f"linear: input {x.shape} {x.dtype}, weight {w.shape} {w.dtype}: {error}") from None
    return record(y, (x, w, bias), _linear_gradient, x, w)


def _linear_gradient(dy, needs, x, w):
    return backend.linear_backward(dy, x, w, *needs)


def _rmatmul(self: Tensor, other: Any) -> Tensor:
    return matmul(Tensor(other), self)


method(matmul, "matmul", "__matmul__")
method(_rmatmul, "__rmatmul__")
