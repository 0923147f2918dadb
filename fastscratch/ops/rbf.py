"""The Gaussian (radial basis function) kernel between points."""

import math
from typing import Any

from .. import backend
from ..quiet import quietly
from ..tape import OUTPUT
from ..tensor import Tensor, record
from .operands import need_tensor

__all__ = ["rbf_kernel"]


def rbf_kernel(x: Tensor, z: Tensor | None = None, gamma: float = 1.0) -> Tensor:
    """K[i, j] = exp(-gamma |x_i - z_j|^2).

    Parameters
    ----------
    x : Tensor, shape (m, d)
    z : Tensor, shape (n, d), optional
        x itself if not given; half the work then, a result symmetric to the bit, and ones on its diagonal.
    gamma : float
        1 / (2 sigma^2) for a kernel of width sigma.

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
    2 m n d operations. Computed as |x|^2 + |z|^2 - 2 x.z about the mean of x, and clamped at 0: the squared distance has an
    error of about d eps (|x|^2 + |z|^2). One NaN in a point makes its row NaN.

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
    a, b = need_tensor(x, "rbf_kernel"), None if z is None else need_tensor(z, "rbf_kernel")
    if not (gamma >= 0 and math.isfinite(gamma)):
        raise ValueError(f"rbf_kernel: gamma must be finite and not negative, got {gamma}")
    if b is not None and a.dtype != b.dtype:
        raise RuntimeError(f"rbf_kernel: x is {a.dtype}, z is {b.dtype}")
    try:
        k = backend.rbf_gram(a.array, None if b is None else b.array, gamma)
    except (TypeError, ValueError) as error:
        raise RuntimeError(str(error)) from None
    return record(k, (a, b), _rbf_gradient, a, b, gamma, OUTPUT)


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
