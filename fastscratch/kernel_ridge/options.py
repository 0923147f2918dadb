"""What was asked for, checked: kernels by name, penalties, solvers."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .kernels import NAMES, Kernel, Matrix, Points, Source
from .meter import Meter

Array = np.ndarray[Any, Any]


def kernel_of(kernel: Any, gamma: float | None, degree: float, coef0: float, n_features: int) -> Any:
    """A Kernel, "precomputed", or the callable."""
    if callable(kernel) or kernel == "precomputed":
        return kernel
    if not isinstance(kernel, str) or kernel not in NAMES:
        raise ValueError(
            f"kernel must be one of {', '.join(map(repr, NAMES))}, 'precomputed' or a function of two samples, "
            f"got {kernel!r}; any other kernel's Gram matrix can be given as 'precomputed'"
        )
    for name, value in (("gamma", gamma), ("degree", degree)):
        if value is not None and not (np.isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be finite and at least 0, got {value!r}")
    if not np.isfinite(coef0):
        raise ValueError(f"coef0 must be finite, got {coef0!r}")
    return Kernel(NAMES[kernel], 1 / n_features if gamma is None else float(gamma), float(coef0), float(degree))


def source_of(kernel: Any, X: Array, params: dict[str, Any] | None, meter: Meter) -> Source:
    """The Gram matrix of X, or X itself as one."""
    if isinstance(kernel, Kernel):
        return Points(kernel, X)
    return Matrix(between(kernel, X, None, params, meter))


def between(kernel: Any, X: Array, Z: Array | None, params: dict[str, Any] | None, meter: Meter | None = None) -> Array:
    """The matrix of a kernel that is a function of two samples, or that was given; Z None: of X with itself."""
    if kernel == "precomputed":
        expected = len(X) if Z is None else len(Z)
        if X.shape[1] != expected:
            raise ValueError(
                f"Precomputed metric requires shape (n_queries, n_indexed). Got {X.shape} for {expected} indexed."
            )
        return X
    if Z is None:
        return _symmetric(kernel, X, params or {}, meter or Meter(False))
    return _pairwise(kernel, X, Z, params or {})


def _pairwise(kernel: Callable[..., Any], X: Array, Z: Array, params: dict[str, Any]) -> Array:
    k = np.empty((len(X), len(Z)))
    for i, x in enumerate(X):
        for j, z in enumerate(Z):
            k[i, j] = kernel(x, z, **params)
    return k


def _symmetric(kernel: Callable[..., Any], X: Array, params: dict[str, Any], meter: Meter) -> Array:
    n = len(X)
    k = np.empty((n, n))
    for i, x in enumerate(X):
        for j in range(i, n):
            k[i, j] = k[j, i] = kernel(x, X[j], **params)
        meter.say("Gram matrix", 1 - ((n - i - 1) / n) ** 2)
    return k


def need_numbers(name: str, values: Any) -> Array:
    """Numbers in float64, finite and not negative."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be numbers, got {values!r}") from None
    if not (np.isfinite(numbers) & (numbers >= 0)).all():
        raise ValueError(f"{name} must be finite and at least 0, got {values!r}")
    return numbers


def penalties(alpha: Any, outputs: int) -> Array:
    """One penalty for each target."""
    values = need_numbers("alpha", alpha)
    if values.size != 1 and values.shape != (outputs,):
        raise ValueError(f"alpha must be one number or one for each of {outputs} targets, got shape {values.shape}")
    return np.broadcast_to(values.ravel(), (outputs,))


def choose(name: str, value: Any, among: tuple[str, ...]) -> None:
    """An error unless the value is one of these."""
    if value not in among:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, among))}, got {value!r}")


def at_least_one(name: str, value: Any) -> None:
    """An error unless the value is None or a whole number of at least 1."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1):
        raise ValueError(f"{name} must be None or a whole number of at least 1, got {value!r}")
