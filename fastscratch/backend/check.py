"""The check backend: every call runs the kernel and its twin, and the first result that differs is an error."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from .parity import BackendMismatch, compare, compare_order, describe, float64


def _eps(args: tuple[Any, ...]) -> float:
    """Unit roundoff of the first float array among the arguments."""
    for value in args:
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            return float(np.finfo(value.dtype).eps) / 2
        if isinstance(value, (list, tuple)) and value:
            return _eps(tuple(value))
    return float(np.finfo(np.float64).eps) / 2


def checked(name: str, kernel: Callable[..., Any], twin: Any) -> Callable[..., Any]:
    """The kernel, with its twin looking over its shoulder in float64."""

    def call(*args: Any, **kwargs: Any) -> Any:
        wide = float64(args)
        before = float64(args) if twin.inplace else wide
        wide_kwargs = {key: float64(value) for key, value in kwargs.items()}
        names = ", ".join([describe(a) for a in args] + [f"{k}={describe(v)}" for k, v in kwargs.items()])
        got = kernel(*args, **kwargs)
        with np.errstate(all="ignore"):
            expected = returned = twin(*wide, **wide_kwargs)
            allowed = twin.bound(_eps((*args, *kwargs.values())), expected, *before, **wide_kwargs)
        if twin.inplace:  # what is compared is what the call left behind, and then what it returned
            results = [] if returned is None else [returned]
            got_all = [args[i] for i in twin.inplace] + ([got] if results else [])
            expected = [wide[i] for i in twin.inplace] + results
        else:
            got_all = got
        fault = compare(got_all, expected, allowed)
        if not fault and not name.endswith("_backward"):  # nothing walks a gradient in memory's order
            fault = compare_order(got, returned)
        if fault:
            raise BackendMismatch(f"{name}({names}): {fault}")
        return got

    call.__name__ = name
    call.__doc__ = twin.__doc__
    return call


def kernels(c: ModuleType, twins: ModuleType) -> dict[str, Callable[..., Any]]:
    """Every kernel of the extension, checked."""
    return {name: checked(name, getattr(c, name), getattr(twins, name)) for name in twins.__all__}
