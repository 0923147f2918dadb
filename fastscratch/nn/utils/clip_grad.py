"""Keeping gradients small."""

import math
import warnings
from collections.abc import Generator, Iterable

import numpy as np

from ... import backend
from ...dtypes import get_default_dtype
from ...gradients import gradients
from ...tape import touch_all
from ...tensor import Tensor, wrap

__all__ = ["clip_grad_norm_", "clip_grad_value_"]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    r"""Scale all gradients, in place, so that together they have at most this norm.

    .. math:: g \leftarrow g \cdot \min(1, \text{max\_norm} / (\lVert g \rVert + 10^{-6}))

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without a gradient are passed over.
    max_norm : float
    norm_type : float
        The order of the norm, ``inf`` for the largest magnitude.
    error_if_nonfinite : bool
        Refuse to scale by a norm that is not finite.
    foreach : bool, optional
        Accepted for PyTorch's sake: all gradients are handled in one call.

    Returns
    -------
    Tensor, 0-d
        The norm before scaling, of all gradients as one vector; summed in float64.

    Raises
    ------
    RuntimeError
        If the norm is not finite and error_if_nonfinite is set; nothing is changed.
    ValueError
        If norm_type is not positive.

    Notes
    -----
    Gradients that are small enough are left alone, to the bit. Orders other than 2 and inf are computed by NumPy.

    References
    ----------
    R. Pascanu, T. Mikolov and Y. Bengio, On the difficulty of training recurrent neural networks, ICML 2013, algorithm 1.

    Examples
    --------
    >>> import fastscratch as fs
    >>> w = fs.tensor([3.0, 4.0], requires_grad=True)
    >>> (0.5 * w * w).sum().backward()
    >>> fs.nn.utils.clip_grad_norm_([w], max_norm=1.0)
    tensor(5.)
    >>> w.grad
    tensor([0.6, 0.8])
    """
    order = float(norm_type)
    if not order > 0:
        raise ValueError(f"norm_type must be positive, got {norm_type}")
    lists = list(gradients(_listed(parameters)).values())
    at_once = len(lists) == 1 and order in (2.0, math.inf)
    if at_once:
        norm = backend.clip_norm(lists[0][1], float(max_norm), order, error_if_nonfinite)
    else:
        norms = [_norm(arrays, order) for _, arrays in lists]
        norm = norms[0] if len(norms) == 1 else _norm([np.array(norms)], order)
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(f"the norm of order {order} of the gradients is {norm}; they are left as they are")
    factor = float(max_norm) / (norm + 1e-6)
    if not factor >= 1.0:  # NaN goes on into the gradients, as in PyTorch
        for tensors, arrays in lists:
            if not at_once:
                backend.scale_arrays(arrays, factor)
            touch_all(tensors)
    return wrap(np.asarray(norm, lists[0][0][0].dtype if lists else get_default_dtype()))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Bring every element of every gradient, in place, into [-clip_value, clip_value]; NaN stays.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without a gradient are passed over.
    clip_value : float
    foreach : bool, optional
        Accepted for PyTorch's sake: all gradients are handled in one call.
    """
    for tensors, arrays in gradients(_listed(parameters)).values():
        backend.clamp_arrays(arrays, float(clip_value))
        touch_all(tensors)


def _listed(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not listed and isinstance(parameters, Generator):
        warnings.warn("the generator of parameters is empty: no gradients are clipped", UserWarning, stacklevel=3)
    return listed


def _norm(arrays: list[np.ndarray], order: float) -> float:
    """The norm of all elements together."""
    if order in (2.0, math.inf):
        return backend.grad_norm(arrays, order)
    total = sum(float(np.sum(np.abs(a.astype(np.float64)) ** order)) for a in arrays)
    return total ** (1.0 / order)
