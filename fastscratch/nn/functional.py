"""What layers compute, as functions with PyTorch's signatures.

Most are operations of ``ops``; here stand those that are composed of others.
"""

import warnings
from typing import Any

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
from ..ops.matmul import linear
from ..ops.norm import batch_norm, group_norm, instance_norm, layer_norm
from ..ops.pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
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
