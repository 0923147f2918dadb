"""Gradients as a function, and the check that they are right."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import tape
from .tape import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .tensor import Tensor, seed_gradient, wrap

__all__ = [
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value]


def _roots(outputs: Any, grad_outputs: Any) -> list[tuple[Any, Any]]:
    tensors = _listed(outputs)
    given = [None] * len(tensors) if grad_outputs is None else _listed(grad_outputs)
    if len(given) != len(tensors):
        raise RuntimeError(f"{len(tensors)} outputs but {len(given)} gradients of them")
    starts = [seed_gradient(t, g) for t, g in zip(tensors, given, strict=True)]
    return [(t._node, start) for t, start in zip(tensors, starts, strict=True)]


def backward(tensors: Any, grad_tensors: Any = None, retain_graph: bool = False) -> None:
    """Add the gradients of several tensors, together, to the leaves' `.grad`; see Tensor.backward."""
    tape.run(_roots(tensors, grad_tensors), retain_graph=retain_graph)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool = False,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of outputs with respect to inputs, leaves or not; no `.grad` is touched.

    Raises
    ------
    RuntimeError
        If an input was not used and allow_unused is False, or an input does not require gradients.
    NotImplementedError
        For create_graph=True: gradients of gradients are not recorded.
    """
    if create_graph:
        raise NotImplementedError("create_graph=True: gradients of gradients are not supported")
    wanted = _listed(inputs)
    for i, tensor in enumerate(wanted):
        if not tensor.requires_grad:
            raise RuntimeError(f"input {i} of grad does not require gradients")
    found = tape.run(_roots(outputs, grad_outputs), retain_graph=retain_graph, wanted=[t._node for t in wanted])
    for i, gradient in enumerate(found):
        if gradient is None and not allow_unused:
            raise RuntimeError(f"input {i} was not used in computing the outputs; pass allow_unused=True for a None")
    return tuple(None if g is None else wrap(g) for g in found)


def gradcheck(
    func: Callable[..., Any],
    inputs: Sequence[Any] | Tensor,
    *,
    eps: float = 6e-6,
    tolerance: float = 1e-6,
    floor: float = 1.0,
    raise_exception: bool = True,
    seed: int = 0,
) -> bool:
    """Compare the gradients of func with central differences.

    The outputs are projected on a random direction v, and the gradient of v . func(*inputs) is compared, for each input
    that requires gradients, element by element: max |analytical - numerical| <= tolerance * max(floor, |numerical|).

    Parameters
    ----------
    func : callable
        From tensors to a tensor or several.
    inputs : sequence of Tensor
        Those that require gradients must be float64. Restored after the call.
    eps : float
        Half the step; the cube root of float64's precision balances truncation and rounding.
    tolerance : float
        Relative error allowed.
    floor : float
        Elements of the gradient smaller than this are compared as if they were of this size.

    Raises
    ------
    ValueError
        If an input that requires gradients is not float64, or none does.
    AssertionError
        If a gradient is wrong and raise_exception is True; the message says which and where.

    Notes
    -----
    Costs two calls of func for each element of the inputs.
    """
    args = _listed(inputs)
    checked = [(i, t) for i, t in enumerate(args) if isinstance(t, Tensor) and t.requires_grad]
    if not checked:
        raise ValueError("gradcheck: no input requires gradients")
    for i, tensor in checked:
        if tensor.dtype != np.float64:
            raise ValueError(f"gradcheck: input {i} is {tensor.dtype}; differences need float64")
    outputs = [out for out in _listed(func(*args)) if out.requires_grad]
    rng = np.random.default_rng(seed)
    directions = [rng.standard_normal(out.shape) for out in outputs]
    found = grad(outputs, [t for _, t in checked], [wrap(v) for v in directions], allow_unused=True)
    for (i, tensor), analytical in zip(checked, found, strict=True):
        numerical = _differences(func, args, tensor, directions, eps)
        given = np.zeros(tensor.shape) if analytical is None else analytical.array
        error = np.abs(given - numerical) / np.maximum(floor, np.abs(numerical))
        if error.size and not error.max() <= tolerance:
            if not raise_exception:
                return False
            at = tuple(int(k) for k in np.unravel_index(np.nanargmax(error), error.shape))
            raise AssertionError(
                f"gradcheck: input {i}{list(at)}: gradient {float(given[at])!r}, by differences {float(numerical[at])!r}, "
                f"relative error {error[at]:.3g} > {tolerance:g}"
            )
    return True


def _differences(
    func: Callable[..., Any], args: list[Any], tensor: Tensor, directions: list[Any], eps: float
) -> np.ndarray[Any, Any]:
    """The gradient of the projected outputs by central differences, changing one element of the tensor at a time."""
    gradient = np.empty(tensor.shape)
    original = tensor.array
    moved = np.array(original, copy=True)
    tensor.array = moved
    try:
        for index in np.ndindex(*tensor.shape):
            values = []
            for step in (eps, -eps):
                moved[index] = original[index] + step
                values.append(_project(func, args, directions))
            moved[index] = original[index]
            gradient[index] = (values[0] - values[1]) / (2 * eps)
    finally:
        tensor.array = original
    return gradient


def _project(func: Callable[..., Any], args: list[Any], directions: list[Any]) -> float:
    outputs = [out for out in _listed(func(*args)) if out.requires_grad]
    return float(sum((out.array * v).sum() for out, v in zip(outputs, directions, strict=True)))
