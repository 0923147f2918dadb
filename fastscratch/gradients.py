"""The gradients of many tensors at once: forgotten, made zero, or gathered for a kernel."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from . import backend
from .tape import touch_all
from .tensor import Tensor, wrap

Arrays: Any = list
"""The kind of list that is handed to a kernel; the extension's remembers where C found its arrays."""


def forget(params: Iterable[Tensor]) -> None:
    """p.grad = None for each."""
    for p in params:
        p.grad = None


def gradients(params: Iterable[Tensor]) -> dict[Any, tuple[list[Tensor], Any]]:
    """The gradients that are there, as tensors and as arrays, by dtype: as a rule one, and a kernel takes one."""
    found: dict[Any, tuple[list[Tensor], Any]] = {}
    for p in params:
        grad = p.grad
        if grad is not None:
            array = grad.array
            tensors, arrays = found.get(array.dtype) or found.setdefault(array.dtype, ([], Arrays()))
            tensors.append(grad)
            arrays.append(array)
    return found


def zero(params: Iterable[Tensor]) -> None:
    """Make the gradients that are there zero, in place; one that cannot be written to (a number repeated) is replaced."""
    listed = list(params)
    for p in listed:
        if p.grad is not None and not p.grad.array.flags.writeable:
            p.grad = wrap(np.zeros_like(p.grad.array))
    for tensors, arrays in gradients(listed).values():
        backend.zero_arrays(arrays)
        touch_all(tensors)


gather: Any = None  # of the extension, for optim/batch.py
settle: Any = None
if _compiled := backend.parameter_functions():
    gather, settle, forget, Arrays = _compiled
