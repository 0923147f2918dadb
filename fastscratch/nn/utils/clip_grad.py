"""Keeping gradients small."""

import math
import warnings
from collections.abc import Generator, Iterable

import numpy as np

from ... import backend
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
    with_gradient = _with_gradient(parameters)
    order = float(norm_type)
    if not order > 0:
        raise ValueError(f"norm_type must be positive, got {norm_type}")
    lists = _by_dtype(with_gradient)
    norms = [_norm([p.grad.array for p in params], order) for params in lists]  # type: ignore[union-attr]
    norm = _norm([np.array(norms)], order) if len(norms) > 1 else sum(norms)
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(f"the norm of order {order} of the gradients is {norm}; they are left as they are")
    factor = float(max_norm) / (norm + 1e-6)
    if not factor >= 1.0:  # NaN goes on into the gradients, as in PyTorch
        for params in lists:
            backend.scale_arrays([_own(p) for p in params], factor)
    return wrap(np.asarray(norm, with_gradient[0].dtype if with_gradient else np.float32))


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Bring every element of every gradient, in place, into [-clip_value, clip_value]; NaN stays.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without a gradient are passed over.
    clip_value : float
    foreach : bool, optional
        Accepted for PyTorch's sake: all gradients are handled in one call.
    """
    for params in _by_dtype(_with_gradient(parameters)):
        backend.clamp_arrays([_own(p) for p in params], float(clip_value))


def _with_gradient(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """The parameters that have one."""
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    listed = list(parameters)
    if not listed and isinstance(parameters, Generator):
        warnings.warn("the generator of parameters is empty: no gradients are clipped", UserWarning, stacklevel=3)
    return [p for p in listed if p.grad is not None]


def _by_dtype(params: list[Tensor]) -> list[list[Tensor]]:
    """One list, as a rule: a kernel takes arrays of one type."""
    lists: dict[np.dtype, list[Tensor]] = {}
    for p in params:
        lists.setdefault(p.grad.dtype, []).append(p)  # type: ignore[union-attr]
    return list(lists.values())


def _norm(gradients: list[np.ndarray], order: float) -> float:
    """The norm of all elements together."""
    if order in (2.0, math.inf):
        return backend.grad_norm(gradients, order)
    total = sum(float(np.sum(np.abs(g.astype(np.float64)) ** order)) for g in gradients)
    return total ** (1.0 / order)


def _own(p: Tensor) -> np.ndarray:
    """The gradient as an array that may be changed: the tape may have given the same one to another tensor."""
    gradient = p.grad
    assert gradient is not None
    if not p._owns_grad:
        gradient.array = gradient.array.copy(order="K")
        p._owns_grad = True
    return gradient.array
