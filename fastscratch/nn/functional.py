"""What layers compute, as functions with PyTorch's signatures.

Most are operations of ``ops``; here stand those that are composed of others.
"""

import math
import warnings
from typing import Any

import numpy as np

from .. import dtypes
from ..ops.activation import (
    celu,
    elu,
    gelu,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
    tanh,
    tanhshrink,
)
from ..ops.conv import conv1d, conv2d
from ..ops.dropout import dropout, dropout1d, dropout2d
from ..ops.embedding import embedding
from ..ops.index import masked_fill, one_hot
from ..ops.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from ..ops.matmul import linear, matmul
from ..ops.norm import batch_norm, group_norm, instance_norm, layer_norm
from ..ops.operands import need_tensor
from ..ops.pad import pad
from ..ops.pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from ..ops.reduce import norm
from ..ops.reduce import sum as _sum
from ..ops.selection import clamp_min
from ..ops.shape import transpose
from ..ops.softmax import log_softmax as _log_softmax
from ..ops.softmax import softmax as _softmax
from ..ops.softmax import softmin as _softmin
from ..tensor import Tensor

# ---- softmax: PyTorch's functions guess the axis if it is not named ----


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """exp(input) / sum(exp(input)) along dim.

    Without dim, the axis is 0 for inputs with 0, 1 or 3 axes and 1 for others, and a UserWarning says so.
    """
    return _softmax(input, _guessed(input, dim, "softmax", _stacklevel), dtype=dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """softmax(-input) along dim."""
    return _softmin(input, _guessed(input, dim, "softmin", _stacklevel), dtype=dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """log(softmax(input)) along dim, without overflow."""
    return _log_softmax(input, _guessed(input, dim, "log_softmax", _stacklevel), dtype=dtype)


def _guessed(input: Tensor, dim: int | None, operation: str, stacklevel: int) -> int:
    if dim is not None:
        return dim
    guess = 0 if input.ndim in (0, 1, 3) else 1
    warnings.warn(f"{operation}: no dim is given; dim={guess} is assumed, name it", stacklevel=stacklevel)
    return guess


# ---- distances ----


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """input / max(||input||_p, eps), with the norm taken along dim.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.nn.functional.normalize(fs.tensor([[3.0, 4.0]]))
    tensor([[0.6, 0.8]])
    """
    return input / clamp_min(norm(input, p, dim, keepdim=True), eps)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 . x2 / (max(||x1||, eps) max(||x2||, eps)) along dim; the shapes broadcast.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.nn.functional.cosine_similarity(fs.tensor([[1.0, 0.0]]), fs.tensor([[2.0, 0.0]]))
    tensor([1.])
    """
    ndim = max(x1.ndim, x2.ndim)
    axis = dim - ndim if dim >= 0 else dim  # the same axis in both, counted from the end
    first = x1 / clamp_min(norm(x1, 2, axis, keepdim=True), eps)
    second = x2 / clamp_min(norm(x2, 2, axis, keepdim=True), eps)
    return _sum(first * second, axis)


# ---- attention ----


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(query key^T scale + mask) value: each query's mean of the values, weighted by how well their keys fit.

    Parameters
    ----------
    query : Tensor, shape (..., L, E)
    key : Tensor, shape (..., S, E)
    value : Tensor, shape (..., S, V)
    attn_mask : Tensor, broadcastable to (..., L, S), optional
        Boolean: True where a query may look. Floating: added to the scores.
    dropout_p : float
        Probability of a weight to be dropped, whether in training or not.
    is_causal : bool
        Query i looks at keys 0 to i only.
    scale : float, optional
        1 / sqrt(E) if left out.

    Returns
    -------
    Tensor, shape (..., L, V)

    Raises
    ------
    RuntimeError
        If shapes do not fit, or both attn_mask and is_causal are given.

    Notes
    -----
    Time and memory grow with L S. A query that may look nowhere gets 0.

    References
    ----------
    A. Vaswani et al., Attention Is All You Need, 2017, eq. 1.

    Examples
    --------
    >>> import fastscratch as fs
    >>> q, k, v = fs.zeros(1, 4), fs.zeros(2, 4), fs.tensor([[1.0], [3.0]])
    >>> fs.nn.functional.scaled_dot_product_attention(q, k, v)
    tensor([[2.]])
    """
    name = "scaled_dot_product_attention"
    q, k, v = (need_tensor(x, name) for x in (query, key, value))
    if attn_mask is not None and is_causal:
        raise RuntimeError(f"{name}: give either attn_mask or is_causal=True, not both")
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise RuntimeError(
            f"{name}: expected query (..., L, E), key (..., S, E) and value (..., S, V), "
            f"got shapes {q.shape}, {k.shape} and {v.shape}"
        )
    factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = matmul(q * factor, transpose(k, -2, -1))
    if is_causal:
        attn_mask = Tensor(np.tri(*scores.shape[-2:], dtype=bool))
    weights = _softmax(scores, -1) if attn_mask is None else _masked_softmax(scores, attn_mask, name)
    return matmul(dropout(weights, dropout_p) if dropout_p else weights, v)


def _masked_softmax(scores: Tensor, mask: Tensor, name: str) -> Tensor:
    """softmax over the last axis of what the mask leaves; 0 in rows of which it leaves nothing."""
    if mask.dtype == dtypes.bool:
        scores = masked_fill(scores, Tensor(~mask.array), -math.inf)
    elif mask.dtype == scores.dtype:
        scores = scores + mask
    else:
        raise RuntimeError(f"{name}: attn_mask must be bool or {scores.dtype}, got {mask.dtype}")
    blind = Tensor((scores.array == -math.inf).all(axis=-1, keepdims=True))
    if not blind.array.any():
        return _softmax(scores, -1)
    # Filled before too: a row of -inf would make NaN on the way back.
    return masked_fill(_softmax(masked_fill(scores, blind, 0.0), -1), blind, 0.0)
