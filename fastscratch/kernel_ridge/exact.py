"""Exact solutions by Cholesky's factor: in float64, in float32, or in float32 and refined to float64.

Refinement: solve with the cheap factor, compute what is left of the right side in float64, solve for that, and add (J.
Wilkinson, Rounding Errors in Algebraic Processes, 1963; A. Buttari et al., Int. J. High Perform. Comput. Appl. 21, 2007).
"""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import backend
from ..exceptions import ConvergenceWarning, compatible
from ..machine import available_memory
from .conjugate import conjugate_gradients, digits
from .meter import Meter
from .spectrum import least_norm
from .system import Solution, System, add_diagonal, factor, solve
from .triangular import inverse_diagonal

Array = np.ndarray[Any, Any]
STEPS = 30  # of refinement at most
SHARE = 0.85  # of the memory that can be had


def fits(bytes_wanted: float) -> bool:
    """Whether so many bytes can be had."""
    return bytes_wanted <= SHARE * available_memory()


def exact(system: System, precision: str, leave_one_out: bool, meter: Meter) -> Solution:
    """The dual coefficients; where the matrix is singular, those of the least-squares answer of least norm."""
    n = len(system)
    double = fits(8.0 * n * n)  # asked once: what float32 gives up is then taken up here
    if precision == "mixed":
        found = _mixed(system, double, leave_one_out, meter)
    else:
        found = _in_one_precision(system, np.dtype(precision), leave_one_out, meter)
    if found is not None:
        return found
    if precision != "float64" and double:
        return exact(system, "float64", leave_one_out, meter)
    if not fits(24.0 * n * n) or leave_one_out:
        why = "has no leave-one-out errors" if leave_one_out else "memory for its least-squares solution is short"
        raise np.linalg.LinAlgError(
            f"the Gram matrix plus alpha={system.alpha} is singular in {precision}, and {why}: choose a larger alpha"
        )
    warnings.warn("Singular matrix in solving dual problem. Using least-squares solution instead.", stacklevel=5)
    return meter.run("eigenvectors", 9.0 * n**3, lambda: least_norm(system))


def _in_one_precision(system: System, dtype: Any, leave_one_out: bool, meter: Meter) -> Solution | None:
    a = meter.run("Gram matrix", system.source.cost() / 2, lambda: system.lower(dtype))
    return _solved(system, a, leave_one_out, meter)


def _solved(system: System, a: Array, leave_one_out: bool, meter: Meter) -> Solution | None:
    if not _factored(a, meter):
        return None
    dual = solve(a, system.y)
    return Solution(dual, a.dtype.name, 1, _inverse_diagonal(a, meter) if leave_one_out else None)


def _factored(a: Array, meter: Meter) -> bool:
    return meter.run("factor", len(a) ** 3 / 3, lambda: factor(a), Corner(a))


class Corner:
    """How much of a factor is there, seen from beside: behind the corner that is reached, nothing on the diagonal changes.

    What is ahead of it changes with every panel, from the corner on downwards: a change above the last one is a new corner.
    """

    def __init__(self, a: Array) -> None:
        self.a, self.last, self.at, self.corner = a, a.diagonal().copy(), 0, 0

    def __call__(self) -> float:
        """The share of the operations: n^3 / 3 less those of the corner that is left."""
        now = self.a.diagonal().copy()
        changed = np.flatnonzero(now != self.last)
        if len(changed):
            if changed[0] < self.at:
                self.corner = max(self.corner, int(changed[0]))
            self.last, self.at = now, int(changed[0])
        return 1 - (1 - self.corner / max(1, len(now))) ** 3


def _inverse_diagonal(a: Array, meter: Meter) -> Array:
    return meter.run("leave-one-out", len(a) ** 3 / 3, lambda: inverse_diagonal(a))


def _mixed(system: System, double: bool, leave_one_out: bool, meter: Meter) -> Solution | None:
    """None where float32 does not lead there and the factor is to be taken in float64: only if there is room for it."""
    n = len(system)
    whole: Array | None = None
    if fits(12.0 * n * n):
        whole = meter.run("Gram matrix", system.source.cost() / 2, lambda: system.source.full(np.float64))
        add_diagonal(whole, system.ridge)
        a = whole.astype(np.float32)
    else:
        a = meter.run("Gram matrix", system.source.cost() / 2, lambda: system.lower(np.float32))
    product = system.product if whole is None else lambda v: backend.matmul(whole, v)
    if _factored(a, meter):
        found = refine(product, lambda r: solve(a, r), system.y, meter)
        if found is not None:
            dual, steps = found
            return Solution(dual, "mixed", steps, _inverse_diagonal(a, meter) if leave_one_out else None)
    elif whole is None and not double:
        del a  # there may be no room for two
        a = meter.run("Gram matrix", system.source.cost() / 2, lambda: _larger(system))
        if not _factored(a, meter):
            return None
    if whole is not None:
        del a
        return _solved(system, whole, leave_one_out, meter)
    if double:
        return None
    dual, steps, near = conjugate_gradients(product, lambda r: solve(a, r), system.y, 1e-10, 200, meter)
    if not near:
        message = f"conjugate gradients on a float32 factor stopped after {steps} steps: alpha={system.alpha} is small"
        warnings.warn(message, compatible(ConvergenceWarning), stacklevel=5)
    return Solution(dual, "mixed", steps, _inverse_diagonal(a, meter) if leave_one_out else None)


def _larger(system: System) -> Array:
    """The lower triangle in float32, its diagonal raised above its rounding errors: the factor of a preconditioner."""
    a = system.lower(np.float32)
    size = float(a.diagonal().mean())
    return add_diagonal(a, np.full(len(a), 8 * math.sqrt(len(a)) * np.finfo(np.float32).eps * size))


def refine(
    product: Callable[[Array], Array], solve: Callable[[Array], Array], y: Array, meter: Meter
) -> tuple[Array, int] | None:
    """Dual coefficients and the number of steps; None where they do not come near.

    Near is |y - A c| <= sqrt(n) eps |A| |c| in float64 for each column, as in LAPACK's dsgesv. |A| comes of a power
    iteration that rides along: each product has one more column.
    """
    n, outputs = y.shape
    c, left, last = np.zeros_like(y), y, np.full(outputs, np.inf)
    power, size, goal = np.full((n, 1), 1 / math.sqrt(max(1, n))), 0.0, math.sqrt(n) * np.finfo(np.float64).eps
    meter.say("refinement", 0.0)
    for step in range(1, STEPS + 1):
        c = c + solve(left)
        image = product(np.hstack([c, power]))
        left, grown = y - image[:, :outputs], float(np.linalg.norm(image[:, outputs]))
        size = max(size, grown)
        power = image[:, outputs:] / (grown or 1.0)
        norms, scale = np.linalg.norm(left, axis=0), size * np.linalg.norm(c, axis=0)
        if (norms <= goal * scale).all():
            meter.say("refinement", 1.0, f" {step}")
            return c, step
        if not (norms <= 0.5 * last).any() or not np.isfinite(norms).all():
            return None
        last = norms
        with np.errstate(all="ignore"):
            meter.say("refinement", digits(float(np.nanmax(norms / scale)), goal), f" {step}")
    return None
