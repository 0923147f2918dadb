"""Comparing a kernel's result with its twin's: one comparison, used by the check backend and by the tests."""

from typing import Any

import numpy as np

from .order import is_dense, memory_order, with_gaps

# Below the smallest normal number a relative bound says nothing: this much absolute error is always allowed.
_FLOOR = {"float32": 4 * float(np.finfo(np.float32).tiny), "float64": 4 * float(np.finfo(np.float64).tiny)}


class BackendMismatch(AssertionError):
    """A kernel and its twin disagree; the message names the kernel, the arguments, the place and the error."""


def float64(value: Any) -> Any:
    """The same arguments with every float array in float64, always a copy; lists and tuples are searched."""
    if isinstance(value, np.ndarray):
        copy = value.astype(np.float64) if value.dtype.kind == "f" else value.copy("K")
        return copy if is_dense(value) else with_gaps(copy)  # kernels may lay out results by whether they can walk it
    if isinstance(value, (list, tuple)):
        return type(value)(float64(part) for part in value)
    return value


def describe(value: Any) -> str:
    """float32(64, 10) for an array; short for anything else."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}"
    if isinstance(value, (list, tuple)) and any(isinstance(part, np.ndarray) for part in value):
        return "[" + ", ".join(describe(part) for part in value) + "]"
    return repr(value)


def compare(got: Any, expected: Any, allowed: Any, place: str = "result") -> str | None:
    """What is wrong with `got`, in words; None if every element is within the bound."""
    if expected is None or got is None:
        return None if got is expected else f"{place}: one is None, the other is not"
    if isinstance(expected, (list, tuple)):
        if len(got) != len(expected):
            return f"{place}: {len(got)} parts, expected {len(expected)}"
        bounds = allowed if isinstance(allowed, (list, tuple)) else [allowed] * len(expected)
        for i, (g, e, a) in enumerate(zip(got, expected, bounds, strict=True)):
            fault = compare(g, e, a, f"{place}[{i}]")
            if fault:
                return fault
        return None
    return _compare_arrays(np.asarray(got), np.asarray(expected), allowed, place)


def compare_order(got: Any, expected: Any) -> str | None:
    """Where the first array of a result has its axes in another order in memory: what walks it, as dropout does, would walk
    its elements in another order.
    """
    while isinstance(got, (list, tuple)) and got:
        got, expected = got[0], expected[0]
    if not isinstance(got, np.ndarray) or memory_order(got) == memory_order(expected):
        return None
    return f"axes {memory_order(got)} in memory, outermost first, expected {memory_order(expected)}"


def _compare_arrays(got: Any, expected: Any, allowed: Any, place: str) -> str | None:
    if got.shape != expected.shape:
        return f"{place}: shape {got.shape}, expected {expected.shape}"
    if got.dtype.kind != expected.dtype.kind:
        return f"{place}: dtype {got.dtype}, expected {expected.dtype}"
    if got.dtype.kind != "f":
        apart = np.abs(got.astype(np.int64) - expected.astype(np.int64))
        return _first(apart > np.broadcast_to(allowed, expected.shape), got, expected, place)
    wide = got.astype(np.float64)
    with np.errstate(all="ignore"):
        limit = np.broadcast_to(allowed, expected.shape) + _FLOOR[str(got.dtype)]
        if np.ndim(allowed) == 0 and allowed == 0:
            limit = np.zeros(expected.shape)
        # What overflows the narrow type is inf there, and so is anything within the bound of its largest number.
        largest = float(np.finfo(got.dtype).max)
        overflow = (np.abs(expected) + limit >= largest) & (wide == np.sign(expected) * np.inf)
        # A bound is a multiple of eps times the terms: where those come near the largest number, so may a partial sum.
        overflow |= (limit / np.finfo(got.dtype).eps >= largest) & ~np.isfinite(wide)
        same = (wide == expected) | (np.isnan(wide) & np.isnan(expected)) | overflow
        bad = ~same & ~(np.abs(wide - expected) <= limit)
    return _first(bad, got, expected, place, limit)


def _first(bad: Any, got: Any, expected: Any, place: str, limit: Any = None) -> str | None:
    """The first element that is wrong."""
    if not bad.any():
        return None
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    text = f"{place}{list(index) if index else ''}: {got[index]!r}, expected {expected[index]!r}"
    if limit is not None:
        with np.errstate(all="ignore"):
            error = abs(float(got[index]) - float(expected[index]))
            ulp = float(np.spacing(np.abs(expected[index]).astype(got.dtype)))
            text += f" (error {error:.3g} = {error / ulp:.3g} ULP, bound {float(limit[index]):.3g})"
    return f"{text}; {int(bad.sum())} of {bad.size} elements differ"
