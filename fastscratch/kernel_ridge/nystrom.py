"""Nystrom's approximation from landmarks: K is taken as B B^T, with B = K_nm T^-T and T T^T = K_mm.

As a model it is the regression on the m features B (C. Williams and M. Seeger, Using the Nystrom Method to Speed Up Kernel
Machines, 2001); as a preconditioner it makes conjugate gradients need few products (A. Rudi, L. Carratino and L. Rosasco,
FALKON, 2017; Z. Frangella, J. Tropp and M. Udell, SIAM J. Matrix Anal. Appl. 44, 2023). Taking the features one by one and
not K_nm^T K_nm, whose condition is the square, is the V method of L. Foster et al., J. Mach. Learn. Res. 10, 2009.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import backend
from .kernels import Source
from .meter import Meter
from .system import Solution, System, add_diagonal, factor
from .triangular import inverse

Array = np.ndarray[Any, Any]
BLOCK = 1 << 24  # numbers of a block of features: adding its moments, m^2 numbers, is little beside computing them


def whiten(source: Source, landmarks: Array, meter: Meter) -> Array:
    """T^-1, for the Gram matrix of the landmarks with as little added to its diagonal as it takes."""
    chosen = source.take(landmarks)
    return meter.run("whitening", chosen.cost() + 2 * len(chosen) ** 3 / 3, lambda: _inverse_factor(chosen))


def _inverse_factor(chosen: Source) -> Array:
    k = np.ascontiguousarray(chosen.full(np.float64))
    jitter = len(k) * np.finfo(np.float64).eps * float(k.diagonal().max(initial=0))
    for _ in range(20):
        t = add_diagonal(k.copy(), np.full(len(k), jitter))
        if factor(t):
            return inverse(t)
        jitter = max(10 * jitter, np.finfo(np.float64).tiny)
    raise np.linalg.LinAlgError("the Gram matrix of the landmarks is not positive semi-definite")


def features(system: System, landmarks: Array, whitening: Array) -> Iterator[tuple[slice, Array]]:
    """Rows of W^1/2 B, block by block."""
    rows = max(1, BLOCK // max(1, len(landmarks)))
    for start in range(0, len(system), rows):
        part = slice(start, start + rows)
        b = backend.matmul(system.source.columns(part, landmarks), whitening.T)
        yield part, (b if system.weight is None else b * system.root[part, None])


def nystrom(system: System, landmarks: Array, meter: Meter) -> Solution:
    """Coefficients of the landmarks, (m, outputs): (B^T W B + alpha) beta = B^T W y, turned back by T^-T."""
    whitening = whiten(system.source, landmarks, meter)
    m, n = len(landmarks), len(system)
    moments, right = np.zeros((m, m)), np.zeros((m, system.y.shape[1]))
    for part, b in features(system, landmarks, whitening):
        moments += backend.scatter(b, None, None, None)[0]
        right += backend.matmul(b.T, system.root[part, None] * system.y[part])
        meter.say("landmarks", min(part.stop, n) / n)
    jitter = m * np.finfo(np.float64).eps * float(moments.diagonal().max(initial=0))
    add_diagonal(moments, np.full(m, max(system.alpha, jitter)))
    beta = backend.cholesky_solve(_factored(moments, meter), right)
    return Solution(backend.matmul(whitening.T, beta), "float64")


def preconditioner(system: System, landmarks: Array, meter: Meter) -> Callable[[Array], Array]:
    """r -> (W^1/2 B B^T W^1/2 + shift)^-1 r, but for a factor, by Woodbury's identity."""
    n, m = len(system), len(landmarks)
    b, moments = np.empty((n, m)), np.zeros((m, m))
    for part, block in features(system, landmarks, whiten(system.source, landmarks, meter)):
        b[part] = block
        moments += backend.scatter(block, None, None, None)[0]
        meter.say("preconditioner", min(part.stop, n) / n)
    shift = max(system.alpha, 1e-12 * float(moments.diagonal().sum()))  # below that the difference has no digits
    inner = _factored(add_diagonal(moments, np.full(len(moments), shift)), meter)
    return lambda r: r - backend.matmul(b, backend.cholesky_solve(inner, backend.matmul(b.T, r)))


def _factored(a: Array, meter: Meter) -> Array:
    if not meter.run("factor", len(a) ** 3 / 3, lambda: factor(a)):
        raise np.linalg.LinAlgError(
            "the equations of the landmarks are singular: choose a larger alpha or fewer of them"
        )
    return a
