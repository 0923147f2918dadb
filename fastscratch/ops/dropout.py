"""Dropout, of elements and of whole channels."""

import numpy as np

from .. import backend
from ..random import current_generator
from ..tensor import Tensor, record, replace, wrap
from .arithmetic import mul
from .operands import need_tensor

__all__ = ["dropout", "dropout1d", "dropout2d"]


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each element with probability p and divide the others by 1 - p, so that the mean stays.

    Parameters
    ----------
    input : Tensor
    p : float
        Probability of an element to be dropped.
    training : bool
        If False, or if p is 0, input is returned as it is.
    inplace : bool
        Change input itself.

    Raises
    ------
    ValueError
        If p is not in [0, 1].
    RuntimeError
        If input is not floating.

    Notes
    -----
    Which elements are dropped depends on the seed, on how many draws came before and on an element's place in memory,
    not on backend, dtype or the number of threads. A dropped element is 0 even where it was NaN or infinite. One byte per
    element, which says whether it was kept, is saved for the way back.

    References
    ----------
    N. Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, JMLR 15, 2014.

    Examples
    --------
    >>> import fastscratch as fs
    >>> from fastscratch.ops.dropout import dropout
    >>> _ = fs.manual_seed(0)
    >>> sorted(set(dropout(fs.ones(100), p=0.75).tolist()))
    [0.0, 4.0]
    """
    x = _checked(input, p, "dropout")
    if not training or p == 0:
        return x
    seed, offset = current_generator().next_key()
    y, kept = backend.dropout_forward(x.array, p, seed, offset)
    result = record(y, (x,), _dropout_gradient, kept, p)
    return replace(x, result) if inplace else result


def _dropout_gradient(dy, needs, kept, p):
    return (backend.dropout_backward(dy, kept, p),)


def _checked(input: Tensor, p: float, operation: str) -> Tensor:
    x = need_tensor(input, operation)
    if not 0 <= p <= 1:
        raise ValueError(f"{operation}: dropout probability has to be between 0 and 1, but got {p}")
    if x.dtype.kind != "f":
        raise RuntimeError(f"{operation}: expected a floating dtype, got {x.dtype}")
    return x


def _dropout_channels(x: Tensor, p: float, training: bool, inplace: bool, lead: int) -> Tensor:
    """One draw for all that lies behind the first `lead` axes."""
    if not training or p == 0:
        return x
    ones = wrap(np.ones(x.shape[:lead] + (1,) * (x.ndim - lead), x.dtype))
    result = mul(x, dropout(ones, p))
    return replace(x, result) if inplace else result


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels of (N, C, L) or (C, L); see dropout.

    Raises
    ------
    ValueError
        If p is not in [0, 1].
    RuntimeError
        If input has another number of axes or is not floating.
    """
    x = _checked(input, p, "dropout1d")
    if x.ndim not in (2, 3):
        raise RuntimeError(f"dropout1d: expected 2 or 3 axes, got shape {x.shape}")
    return _dropout_channels(x, p, training, inplace, x.ndim - 1)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels of (N, C, H, W) or (N, C, L); see dropout.

    Raises
    ------
    ValueError
        If p is not in [0, 1].
    RuntimeError
        If input has another number of axes or is not floating.
    """
    x = _checked(input, p, "dropout2d")
    if x.ndim not in (3, 4):
        raise RuntimeError(f"dropout2d: expected 3 or 4 axes, got shape {x.shape}")
    return _dropout_channels(x, p, training, inplace, 2)
