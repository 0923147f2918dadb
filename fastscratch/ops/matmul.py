"""Matrix products."""

from typing import Any

from .. import backend
from ..tape import OUTPUT
from ..tensor import Tensor, factors, in_place, method, record
from .arithmetic import add
from .operands import need_tensor, pair

__all__ = ["addmm", "addmv", "baddbmm", "bmm", "dot", "inner", "matmul", "mm", "mv", "outer", "vdot"]


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
        If the dtypes or the inner sizes differ, the batch axes do not broadcast or an operand has no axes.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.matmul(fs.tensor([[1.0, 2.0]]), fs.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    if factors(input, other):
        y = backend.matmul(input.array, other.array)
        return record(y, (input, other), _matmul__matrices_gradient, input, other)
    a, b = need_tensor(input, "matmul"), need_tensor(other, "matmul")
    if a.array.dtype != b.array.dtype:
        raise RuntimeError(f"matmul: the dtypes differ, {a.dtype} and {b.dtype}")
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


def _matmul__matrices_gradient(dy, needs, a, b):
    return backend.matmul_backward(dy, a, b, *needs)


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


def linear_activation(input: Tensor, weight: Tensor, bias: Tensor | None, activation: str) -> Tensor:
    """linear, and a function of each element, as one operation: what nn.Sequential makes of the two layers.

    y = f(input weight^T + bias)

    Parameters
    ----------
    input : Tensor, shape (..., in_features)
    weight : Tensor, shape (out_features, in_features)
    bias : Tensor, shape (out_features,), or None
    activation : {"relu", "tanh", "sigmoid"}
        Functions whose derivative their value tells, so that nothing but y is kept for the way back.

    Raises
    ------
    RuntimeError
        As linear, or for another activation.

    Examples
    --------
    >>> import fastscratch as fs
    >>> from fastscratch.ops.matmul import linear_activation
    >>> linear_activation(fs.tensor([[1.0, 2.0]]), fs.tensor([[1.0, 1.0], [1.0, -1.0]]), None, "relu")
    tensor([[3., 0.]])
    """
    x, w = need_tensor(input, "linear"), need_tensor(weight, "linear")
    try:
        y = backend.linear_forward(x.array, w.array, None if bias is None else bias.array, activation)
    except (ValueError, TypeError) as error:
        raise RuntimeError(f"linear: input {x.shape} {x.dtype}, weight {w.shape} {w.dtype}: {error}") from None
    return record(y, (x, w, bias), _linear_activation_gradient, x, w, OUTPUT, activation)


def _linear_activation_gradient(dy, needs, x, w, y, activation):
    return backend.linear_backward(dy, x, w, *needs, y, activation)


def _rmatmul(self: Tensor, other: Any) -> Tensor:
    return matmul(*pair(Tensor(other), self, "matmul"))


def _product(input: Tensor, other: Tensor, axes: tuple[int, int], operation: str) -> Tensor:
    """matmul of operands that must have just so many axes."""
    a, b = need_tensor(input, operation), need_tensor(other, operation)
    if (a.ndim, b.ndim) != axes:
        raise RuntimeError(f"{operation}: expected {axes[0]} and {axes[1]} axes, got shapes {a.shape} and {b.shape}")
    if axes == (3, 3) and a.shape[0] != b.shape[0]:
        raise RuntimeError(f"{operation}: the batches of {a.shape} and {b.shape} differ")
    if a.dtype != b.dtype:
        raise RuntimeError(f"{operation}: the dtypes differ, {a.dtype} and {b.dtype}")
    return matmul(a, b)


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices, (m, k) and (k, n)."""
    return _product(input, mat2, (2, 2), "mm")


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two stacks of matrices, (b, m, k) and (b, k, n)."""
    return _product(input, mat2, (3, 3), "bmm")


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix (m, k) and a vector (k,)."""
    return _product(input, vec, (2, 1), "mv")


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The inner product of two vectors of equal length."""
    return _product(input, tensor, (1, 1), "dot")


def inner(input: Tensor, other: Tensor) -> Tensor:
    """The inner products of the last axes of both; with a scalar, the plain product."""
    if not (input.ndim and other.ndim):
        return input * other
    y = matmul(input.reshape(-1, input.shape[-1]), other.reshape(-1, other.shape[-1]).t())
    return y.reshape(*input.shape[:-1], *other.shape[:-1])


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """All products of an element of one vector and one of the other, (n,) and (m,) to (n, m)."""
    a, b = need_tensor(input, "outer"), need_tensor(vec2, "outer")
    if (a.ndim, b.ndim) != (1, 1):
        raise RuntimeError(f"outer: expected two vectors, got shapes {a.shape} and {b.shape}")
    return a.reshape(-1, 1) * b


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * mat1 @ mat2; where beta is 0, input is not looked at."""
    return _plus(input, mm(mat1, mat2), beta, alpha)


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * mat @ vec; where beta is 0, input is not looked at."""
    return _plus(input, mv(mat, vec), beta, alpha)


def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta * input + alpha * batch1 @ batch2; where beta is 0, input is not looked at."""
    return _plus(input, bmm(batch1, batch2), beta, alpha)


def _plus(input: Tensor, product: Tensor, beta: float, alpha: float) -> Tensor:
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:
        return scaled
    y = add(input, scaled) if beta == 1 else add(scaled, input, alpha=beta)
    if y.shape != product.shape:
        raise RuntimeError(f"input of shape {input.shape} does not broadcast to the product's {product.shape}")
    return y


method(matmul, "matmul", "__matmul__")
method(_rmatmul, "__rmatmul__")
_function: Any
for _function in (addmm, addmv, baddbmm, bmm, dot, inner, mm, mv, outer):
    method(_function)
for _function in (addmm, addmv, baddbmm):
    in_place(_function)
method(dot, "vdot")
method(outer, "ger")
vdot = dot
