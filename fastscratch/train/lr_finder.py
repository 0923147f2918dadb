"""find_lr: which learning rates a network learns at, by one short training whose rate grows until it fails."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import random
from ..tensor import Tensor
from .trainer import NonFiniteLossError

_RECENT = 5  # losses, whose mean tells whether the training has failed


@dataclass(frozen=True)
class LRRange:
    """What a range test saw, step by step; `fastscratch.viz.plot_lr_range` draws it."""

    lrs: list[float]  # of the step taken after the loss beside it
    losses: list[float]
    smoothed: list[float]
    suggestion: float | None  # where the smoothed loss falls most steeply; None if it never falls


def find_lr(
    model: Any,
    optimizer: Any,
    loss: Callable[[Tensor, Tensor], Tensor],
    loader: Iterable[Any],
    *,
    start: float = 1e-6,
    end: float = 10.0,
    steps: int = 100,
    smoothing: float = 3.0,
    divergence: float = 4.0,
) -> LRRange:
    """Train a copy while the learning rate grows from start to end by the same factor each step.

    Parameters
    ----------
    model : nn.Module
    optimizer : optim.Optimizer
        Every group is given the rate that is tried.
    loss : callable
        loss(output, target) -> scalar Tensor.
    loader : DataLoader or iterable of (input, target)
        Begun again when it ends before the test does.
    start, end : float
        The first rate and the last.
    steps : int
        Batches to train on.
    smoothing : float
        The standard deviation, in steps, of the Gaussian mean of the losses; 0 for none. It looks both ways: a mean of
        past losses alone lags behind, and would find too large a rate.
    divergence : float
        Stop when the mean of five losses is so many times the least such mean; also when the loss is NaN or infinite.

    Returns
    -------
    LRRange

    Raises
    ------
    ValueError
        If an option is out of range or the loader has no batches.
    NonFiniteLossError
        If the loss is NaN or infinite before the first step.

    Notes
    -----
    Model and optimizer are copied, so that they stay as they are whatever happens; the random state and the loader's
    generator are put back. The suggestion is a place to start from, not the best rate: it is where the loss falls fastest
    over the logarithm of the rate, which a schedule may exceed at its peak.

    References
    ----------
    L. N. Smith, Cyclical learning rates for training neural networks, WACV 2017, section 3.3.

    Examples
    --------
    >>> import fastscratch as fs
    >>> _ = fs.manual_seed(0)
    >>> x = fs.randn(64, 3)
    >>> model = fs.nn.Linear(3, 1)
    >>> found = find_lr(model, fs.optim.SGD(model.parameters(), lr=1.0), fs.nn.functional.mse_loss, [(x, x.sum(1, True))])
    >>> 1e-3 < found.suggestion < 1
    True
    """
    _check(start, end, steps, smoothing, divergence)
    model, optimizer = copy.deepcopy((model, optimizer))
    model.train()
    best = math.inf
    lrs: list[float] = []
    losses: list[float] = []
    with _same_order_afterwards(loader):
        for lr, (inputs, target) in zip(np.geomspace(start, end, steps).tolist(), _endless(loader), strict=False):
            objective = loss(model(inputs), target)
            value = objective.item()
            if not math.isfinite(value):
                break
            lrs.append(lr)
            losses.append(value)
            mean = sum(losses[-_RECENT:]) / len(losses[-_RECENT:])
            best = min(best, mean)
            if mean > divergence * best:
                break
            _step(optimizer, objective, lr)
    if not lrs:
        raise NonFiniteLossError(
            "the loss is not finite before any step: it is the data or the model, not the learning rate"
        )
    smoothed = _smooth(losses, smoothing)
    return LRRange(lrs, losses, smoothed, steepest(lrs, smoothed))


def steepest(lrs: list[float], losses: list[float]) -> float | None:
    """The rate where the losses fall most steeply over its logarithm, before their least; None if they never fall.

    >>> steepest([0.1, 1.0, 10.0, 100.0], [3.0, 2.5, 1.0, 4.0])
    1.0
    """
    if len(losses) < 2:
        return None
    slopes = np.gradient(losses, np.log(lrs))[: int(np.argmin(losses)) + 1]
    at = int(np.argmin(slopes))
    return lrs[at] if slopes[at] < 0 else None


def _smooth(losses: list[float], width: float) -> list[float]:
    """The mean of the losses around each, weighted by a Gaussian of that many steps."""
    steps = np.arange(len(losses))
    weights = np.exp(-0.5 * ((steps[:, None] - steps) / max(width, 1e-9)) ** 2)
    above = np.asarray(losses) - losses[0]  # so that a constant stays one
    return list((losses[0] + weights @ above / weights.sum(1)).tolist())


def _check(start: float, end: float, steps: int, smoothing: float, divergence: float) -> None:
    if not 0 < start < end < math.inf:
        raise ValueError(f"start and end must be positive rates, start the smaller one, got {start} and {end}")
    if steps < 2:
        raise ValueError(f"steps must be at least 2, got {steps}")
    if not 0 <= smoothing < math.inf:
        raise ValueError(f"smoothing must be at least 0, got {smoothing}")
    if not divergence > 1:
        raise ValueError(f"divergence must be above 1, got {divergence}")


def _step(optimizer: Any, objective: Tensor, lr: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad()
    objective.backward()
    optimizer.step()


def _endless(loader: Iterable[Any]) -> Iterator[Any]:
    """Batch after batch, epoch after epoch, of a copy of the loader that shares its data but not its place in them."""
    loader = copy.copy(loader)
    while True:
        empty = True
        for batch in loader:
            empty = False
            yield batch
        if empty:
            raise ValueError("the loader has no batches")


class _same_order_afterwards:
    """The random state, and that of a loader's own generator, are put back."""

    def __init__(self, loader: Any) -> None:
        own = getattr(loader, "generator", None)
        self.generators = [random.current_generator(), *([] if own is None else [own])]

    def __enter__(self) -> None:
        self.states = [generator.get_state() for generator in self.generators]

    def __exit__(self, *error: Any) -> None:
        for generator, state in zip(self.generators, self.states, strict=True):
            generator.set_state(state)
