"""L-BFGS: descent along the gradient, bent by the curvature that the last steps saw; steps meet Wolfe's conditions."""

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
Function = Callable[[Array], tuple[float, Array]]  # its value and its gradient


class Minimum(NamedTuple):
    """Where the descent ended, and whether it had converged."""

    x: Array
    value: float
    iterations: int
    converged: bool


def minimise(
    f: Function,
    x: Array,
    *,
    tol: float,
    max_iter: int,
    memory: int = 10,
    report: Callable[[int, float, float], None] | None = None,
) -> Minimum:
    """The minimum of a smooth function, from x on.

    Parameters
    ----------
    f : callable
        f(x) is the value and the gradient, float64.
    tol : float
        Converged where no component of the gradient is larger; also where a step gains nothing that float64 can tell.
    memory : int
        Steps that are remembered: the work of an iteration is about 4 memory len(x), besides f.
    report : callable, optional
        Told after each iteration its number, the value, and the largest component of the gradient.

    References
    ----------
    J. Nocedal and S. Wright, Numerical Optimization, 2nd edition 2006, algorithms 7.4 and 7.5.
    """
    value, slope = f(x)
    steps: deque[tuple[Array, Array, float]] = deque(maxlen=memory)  # of x and of the slope, and 1 / their product
    for done in range(max_iter):
        if np.abs(slope).max(initial=0) <= tol:
            return Minimum(x, value, done, True)
        way = -_bent(slope, steps)
        along = float(way @ slope)
        if not along < 0:  # rounding has spoilt the memory
            steps.clear()
            way, along = -slope, -float(slope @ slope)
        first = 1.0 if steps else min(1.0, 1 / float(np.sqrt(slope @ slope)))
        found = _wolfe(f, x, value, along, way, first)
        if found is None:
            return Minimum(x, value, done, False)
        length, new_value, new_slope = found
        moved, change = length * way, new_slope - slope
        product = float(moved @ change)
        if product > np.finfo(np.float64).eps * float(change @ change):
            steps.append((moved, change, 1 / product))
        gain = (value - new_value) / max(abs(value), abs(new_value), 1.0)
        x, value, slope = x + moved, new_value, new_slope
        if report:
            report(done + 1, value, float(np.abs(slope).max(initial=0)))
        if gain <= 64 * np.finfo(np.float64).eps:
            return Minimum(x, value, done + 1, True)
    return Minimum(x, value, max_iter, bool(np.abs(slope).max(initial=0) <= tol))


def _bent(slope: Array, steps: deque[tuple[Array, Array, float]]) -> Array:
    """The inverse Hessian, as the steps have seen it, times the slope (algorithm 7.4)."""
    q, shares = slope.copy(), []
    for moved, change, weight in reversed(steps):
        shares.append(weight * float(moved @ q))
        q -= shares[-1] * change
    if steps:
        _, change, weight = steps[-1]
        q *= 1 / (weight * float(change @ change))
    for (moved, change, weight), share in zip(steps, reversed(shares), strict=True):
        q += (share - weight * float(change @ q)) * moved
    return q


class _Point(NamedTuple):
    """A point on the way: how far, the value, the slope along the way, and the gradient."""

    at: float
    value: float
    along: float
    slope: Array | None


def _wolfe(
    f: Function, x: Array, value: float, along: float, way: Array, first: float, most: int = 50
) -> tuple[float, float, Array] | None:
    """A step length that meets Wolfe's strong conditions, with the value and gradient there (algorithms 3.5 and 3.6)."""
    enough, flat = 1e-4 * along, -0.9 * along
    low, high = _Point(0.0, value, along, None), None
    at = first
    for _ in range(most):
        new_value, slope = f(x + at * way)
        here = _Point(at, new_value, float(slope @ way), slope)
        if not new_value <= value + at * enough or (low.slope is not None and new_value >= low.value):
            high = here
        elif abs(here.along) <= flat:
            return at, new_value, slope
        elif high is None:
            if here.along >= 0:
                low, high = here, low
            else:
                low, at = here, at * 4
                continue
        else:
            if here.along * (high.at - low.at) >= 0:
                high = low
            low = here
        if abs(high.at - low.at) * float(np.abs(way).max()) <= 1e-14 * float(np.abs(x).max(initial=1.0)):
            break
        at = _between(low, high)
    # Rounding hides the rest of the way down: what was gained is kept.
    return None if low.slope is None else (low.at, low.value, low.slope)


def _between(a: _Point, b: _Point) -> float:
    """The minimum of the cubic through both points, no nearer to either than a tenth of their distance (equation 3.59)."""
    width = b.at - a.at
    with np.errstate(all="ignore"):
        d1 = a.along + b.along - 3 * (a.value - b.value) / -width
        d2 = np.copysign(np.sqrt(np.float64(d1 * d1 - a.along * b.along)), width)
        share = 1 - (b.along + d2 - d1) / (b.along - a.along + 2 * d2)
    return a.at + width * (min(max(float(share), 0.1), 0.9) if np.isfinite(share) else 0.5)
