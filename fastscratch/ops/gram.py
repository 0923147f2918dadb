"""Kernels between points: Gaussian (radial basis function), linear and polynomial."""

import math
from typing import Any

from .. import backend
from ..quiet import quietly
from ..tape import OUTPUT
from ..tensor import Tensor, record
from .operands import need_tensor

__all__ = ["linear_kernel", "polynomial_kernel", "rbf_kernel"]

Rule = tuple[str, float, float, float]


def rbf_kernel(x: Tensor, z: Tensor | None = None, gamma: float | None = None) -> Tensor:
    """K[i, j] = exp(-gamma |x_i - z_j|^2).

    Parameters
    ----------
    x : Tensor, shape (m, d)
    z : Tensor, shape (n, d), optional
        x itself if not given; half the work then, a result symmetric to the bit, and ones on its diagonal.
    gamma : float, optional
        1 / (2 sigma^2) for a kernel of width sigma; 1 / d if not given.

    Returns
    -------
    Tensor, shape (m, n)

    Raises
    ------
    ValueError
        If gamma is negative or not finite.
    RuntimeError
        If shapes do not fit or dtypes are not floating and the same.

    Notes
    -----
    2 m n d operations. Computed as |x|^2 + |z|^2 - 2 x.z about the mean of z, and clamped at 0: the squared distance has an
    error of at most (2 d + 16) u (|x|^2 + |z|^2), lengths taken from that mean and u the unit roundoff. One NaN in a point
    makes its row NaN.

    References
    ----------
    B. Schölkopf and A. Smola, Learning with Kernels, 2002, section 2.3.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.rbf_kernel(fs.tensor([[0.0], [1.0]]), gamma=2.0)
    tensor([[1.    , 0.1353],
            [0.1353, 1.    ]])
    """
    a, b = _points("rbf_kernel", x, z)
    rate = _rate("rbf_kernel", gamma, a)
    return record(_gram(a, b, ("rbf", rate, 0.0, 0.0)), (a, b), _rbf_gradient, a, b, rate, OUTPUT)


def linear_kernel(x: Tensor, z: Tensor | None = None) -> Tensor:
    """K[i, j] = x_i . z_j.

    Parameters
    ----------
    x : Tensor, shape (m, d)
    z : Tensor, shape (n, d), optional
        x itself if not given; half the work then, and a result symmetric to the bit.

    Returns
    -------
    Tensor, shape (m, n)

    Raises
    ------
    RuntimeError
        If shapes do not fit or dtypes are not floating and the same.

    Notes
    -----
    2 m n d operations; an error of at most (d + 2) u |x|.|z|, u the unit roundoff.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.linear_kernel(fs.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[ 5., 11.],
            [11., 25.]])
    """
    a, b = _points("linear_kernel", x, z)
    return record(_gram(a, b, ("linear", 0.0, 0.0, 0.0)), (a, b), _product_gradient, a, b, None)


def polynomial_kernel(
    x: Tensor, z: Tensor | None = None, degree: float = 3, gamma: float | None = None, coef0: float = 1
) -> Tensor:
    """K[i, j] = (gamma x_i . z_j + coef0)^degree.

    Parameters
    ----------
    x : Tensor, shape (m, d)
    z : Tensor, shape (n, d), optional
        x itself if not given; half the work then, and a result symmetric to the bit.
    degree : float
        At least 1; where it is not whole, the power of a negative number is NaN.
    gamma : float, optional
        1 / d if not given.
    coef0 : float

    Returns
    -------
    Tensor, shape (m, n)

    Raises
    ------
    ValueError
        If degree is less than 1, gamma negative, or one of the three not finite.
    RuntimeError
        If shapes do not fit or dtypes are not floating and the same.

    Notes
    -----
    2 m n d operations. With u the unit roundoff, the number b that is raised has an error of at most
    (d + 6) u (gamma |x|.|z| + |coef0|); a whole power adds 2 degree u, relative, another power 4 u (1 + degree |log b|).

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.polynomial_kernel(fs.tensor([[1.0], [2.0]]), degree=2)
    tensor([[ 4.,  9.],
            [ 9., 25.]])
    """
    a, b = _points("polynomial_kernel", x, z)
    rule = ("polynomial", _rate("polynomial_kernel", gamma, a), float(coef0), float(degree))
    if not (degree >= 1 and math.isfinite(degree)):
        raise ValueError(f"polynomial_kernel: degree must be finite and at least 1, got {degree}")
    if not math.isfinite(coef0):
        raise ValueError(f"polynomial_kernel: coef0 must be finite, got {coef0}")
    return record(_gram(a, b, rule), (a, b), _product_gradient, a, b, rule)


def _points(name: str, x: Any, z: Any) -> tuple[Tensor, Tensor | None]:
    a, b = need_tensor(x, name), None if z is None or z is x else need_tensor(z, name)
    if a.ndim != 2 or (b is not None and (b.ndim != 2 or b.shape[1] != a.shape[1])):
        shapes = tuple(a.shape), None if b is None else tuple(b.shape)
        raise RuntimeError(f"{name}: expected x (m, d) and z (n, d), got {shapes[0]} and {shapes[1]}")
    if b is not None and a.dtype != b.dtype:
        raise RuntimeError(f"{name}: x is {a.dtype}, z is {b.dtype}")
    return a, b


def _rate(name: str, gamma: float | None, x: Tensor) -> float:
    if gamma is None:
        return 1 / max(1, x.shape[1])
    if not (gamma >= 0 and math.isfinite(gamma)):
        raise ValueError(f"{name}: gamma must be finite and not negative, got {gamma}")
    return gamma


def _gram(x: Tensor, z: Tensor | None, rule: Rule) -> Any:
    try:
        return backend.gram(x.array, None if z is None else z.array, *rule)
    except (TypeError, ValueError) as error:
        raise RuntimeError(str(error)) from None


def _rbf_gradient(dy, needs, x, z, gamma, k):
    # With W = dK * K: dx_i = -2 gamma sum_j W_ij (x_i - z_j), dz_j likewise. Differences: any common shift may go first.
    with quietly():
        weight = dy * k
        if z is None:
            return _pull(weight + weight.T, *_centred(x), gamma), None
        a, b = _centred(x, z)
        dx = _pull(weight, a, b, gamma) if needs[0] else None
        return dx, _pull(weight.T, b, a, gamma) if needs[1] else None


def _centred(x: Any, z: Any = None) -> tuple[Any, Any]:
    centre = x.sum(axis=0) / x.dtype.type(max(1, len(x)))
    a = x - centre
    return a, a if z is None else z - centre


def _pull(weight: Any, a: Any, b: Any, gamma: float) -> Any:
    """-2 gamma sum_j W_ij (a_i - b_j)."""
    total = weight.sum(axis=1, keepdims=True)
    return weight.dtype.type(-2 * gamma) * (total * a - backend.matmul(weight, b))


def _product_gradient(dy, needs, x, z, rule):
    # K = f(x.z), so that with W = dK * f': dx = W z and dz = W^T x.
    with quietly():
        weight = dy
        if rule is not None:
            kernel, gamma, coef0, degree = rule
            slope = backend.gram(x, z, kernel, gamma, coef0, degree - 1)
            weight = dy.dtype.type(gamma * degree) * dy * slope
        if z is None:
            return backend.matmul(weight + weight.T, x), None
        dx = backend.matmul(weight, z) if needs[0] else None
        return dx, backend.matmul(weight.T, x) if needs[1] else None
