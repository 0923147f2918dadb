"""What one decomposition into eigenvectors gives: the answer of a singular system, and a path of penalties."""

from typing import Any

import numpy as np

from .meter import Meter
from .system import Solution, System

Array = np.ndarray[Any, Any]


def least_norm(system: System) -> Solution:
    """The least-squares solution of least norm, of the equations with samples scaled by the roots of their weights."""
    values, vectors, right = decompose(system)
    shifted = values + system.alpha
    kept = shifted > len(shifted) * np.finfo(np.float64).eps * np.abs(shifted).max(initial=0)
    inverse = np.divide(1, shifted, out=np.zeros_like(shifted), where=kept)
    return Solution(system.root[:, None] * (vectors @ (inverse[:, None] * right)), "float64")


def decompose(system: System) -> tuple[Array, Array, Array]:
    """Eigenvalues and vectors V of W^1/2 K W^1/2, and V^T W^1/2 y."""
    k = system.source.full(np.float64)
    if system.weight is not None:
        k *= system.root[:, None]
        k *= system.root
    values, vectors = np.linalg.eigh(k)
    return values, vectors, vectors.T @ (system.root[:, None] * system.y)


def along(system: System, alphas: Array, meter: Meter) -> tuple[Array, Array]:
    """For each penalty the dual coefficients, (alphas, n, outputs), and what is left out by leaving one out, alike."""
    values, vectors, right = meter.run("eigenvectors", 9.0 * len(system) ** 3, lambda: decompose(system))
    duals = np.empty((len(alphas), *system.y.shape))
    left = np.empty_like(duals)
    squares = np.square(vectors)
    for i, alpha in enumerate(alphas):
        inverse = 1 / np.maximum(values + alpha, len(values) * np.finfo(np.float64).eps * np.abs(values).max(initial=0))
        scaled = vectors @ (inverse[:, None] * right)
        duals[i] = system.root[:, None] * scaled
        left[i] = scaled / (squares @ inverse)[:, None] / system.root[:, None]
        meter.say("penalties", (i + 1) / len(alphas))
    return duals, left
