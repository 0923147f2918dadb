"""L-BFGS on all samples at once: for data that are few, where it needs no learning rate and finds the minimum itself."""

from typing import Any

import numpy as np

from .. import lbfgs
from ..tensor import wrap
from ..train.progress import StepBar
from .training import Loss

Array = np.ndarray[Any, Any]


def descend(
    network: Any,
    loss: Loss,
    X: Array,
    y: Array,
    weight: Array | None,
    *,
    alpha: float,
    tol: float,
    max_iter: int,
    verbose: Any = False,
) -> tuple[list[float], bool]:
    """Train a network, with a progress bar if verbose; the penalised loss after each iteration, and whether it converged.

    The loss is sum w loss / sum w + alpha |W|^2 / (2 sum w).
    """
    parameters = list(network.parameters())
    matrices = [p for p in parameters if p.ndim > 1]
    total = float(len(X)) if weight is None else float(weight.sum(dtype=np.float64))
    inputs, target = wrap(X), wrap(y)
    weights = None if weight is None else wrap(weight)

    def value_and_slope(vector: Array) -> tuple[float, Array]:
        _put(parameters, vector)
        network.zero_grad()
        losses = loss(network(inputs), target)
        mean = (losses if weights is None else losses * weights).sum() / total
        mean.backward()
        slope = np.concatenate([p.grad.array.ravel() for p in parameters]).astype(np.float64)
        squares = sum(float(np.vdot(p.array, p.array)) for p in matrices)
        return mean.item() + alpha * squares / 2 / total, slope + alpha / total * penalised * vector

    penalised = np.concatenate([np.full(p.array.size, float(p.ndim > 1)) for p in parameters])
    curve: list[float] = []
    progress = StepBar("lbfgs", max_iter, verbose)

    def tell(done: int, value: float, _: float) -> None:
        curve.append(value)
        progress.tell(done, loss=value)

    network.train()
    start = np.concatenate([p.array.ravel() for p in parameters]).astype(np.float64)
    found = lbfgs.minimise(value_and_slope, start, tol=tol, max_iter=max_iter, report=tell)
    progress.end()
    _put(parameters, found.x)
    network.zero_grad()
    return curve or [found.value], found.converged


def _put(parameters: list[Any], vector: Array) -> None:
    at = 0
    for p in parameters:
        p.data = wrap(vector[at : at + p.array.size].reshape(p.array.shape).astype(p.array.dtype))
        at += p.array.size
