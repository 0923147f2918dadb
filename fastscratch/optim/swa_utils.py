"""Averages of a model's weights along its training."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .. import backend
from ..nn import Module
from ..tape import touch_all
from ..tensor import Tensor, wrap

__all__ = ["AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn"]

AvgFn = Callable[[Tensor, Tensor, Tensor], Tensor]
MultiAvgFn = Callable[[list[Tensor], list[Tensor], Tensor], None]


class AveragedModel(Module):
    """A copy of a model whose weights are an average of the model's.

    Parameters
    ----------
    model : Module
        Copied, weights and all.
    device : optional
        Accepted for PyTorch's sake: there is one.
    avg_fn : callable, optional
        avg_fn(average, current, count) -> the new average of a parameter.
    multi_avg_fn : callable, optional
        The same for lists of all of them at once, in place. Default: the equally weighted mean
        (:func:`get_swa_multi_avg_fn`).
    use_buffers : bool
        Average floating buffers too; they are the model's own if not.

    Raises
    ------
    ValueError
        If both avg_fn and multi_avg_fn are given.

    References
    ----------
    P. Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization, UAI 2018; B. Polyak and
    A. Juditsky, Acceleration of Stochastic Approximation by Averaging, SIAM J. Control and Optimization 30(4), 1992.

    Examples
    --------
    >>> import fastscratch as fs
    >>> model = fs.nn.Linear(1, 1)
    >>> average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    >>> average.update_parameters(model)
    >>> bool((average.module.weight == model.weight).all())
    True
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: AvgFn | None = None,
        multi_avg_fn: MultiAvgFn | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("avg_fn and multi_avg_fn exclude each other")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", wrap(np.array(0, np.int64)))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the model with the averaged weights says."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the model's weights into the average; the first ones are the average.

        Raises
        ------
        ValueError
            If the model has other parameters or buffers than the one that was copied.
        """
        averaged: list[Tensor] = list(self.module.parameters())
        current: list[Tensor] = list(model.parameters())
        own, theirs = list(self.module.buffers()), list(model.buffers())
        if [p.shape for p in (*averaged, *own)] != [p.shape for p in (*current, *theirs)]:
            raise ValueError(
                f"this averages a {type(self.module).__name__} of other shapes than the {type(model).__name__}"
            )
        if self.use_buffers:
            averaged, current = averaged + own, current + theirs
        else:
            _copy(own, theirs)
        if int(self.n_averaged.item()) == 0:
            _copy(averaged, current)
        elif self.avg_fn is not None:
            _copy(
                averaged,
                [self.avg_fn(a.detach(), c.detach(), self.n_averaged) for a, c in zip(averaged, current, strict=True)],
            )
        else:
            (self.multi_avg_fn or get_swa_multi_avg_fn())(averaged, current, self.n_averaged)
        self.n_averaged.array[...] += 1


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAvgFn:
    """The exponential moving average, decay average + (1 - decay) current, of all parameters in one call.

    Raises
    ------
    ValueError
        If decay is not in [0, 1].
    """
    weight = 1 - _checked(decay)

    def average(averaged: list[Tensor], current: list[Tensor], count: Tensor) -> None:
        _draw_near(averaged, current, weight)

    return average


def get_swa_multi_avg_fn() -> MultiAvgFn:
    """The mean of all that was averaged, of all parameters in one call."""

    def average(averaged: list[Tensor], current: list[Tensor], count: Tensor) -> None:
        _draw_near(averaged, current, 1 / (int(count.item()) + 1))

    return average


def get_ema_avg_fn(decay: float = 0.999) -> AvgFn:
    """The exponential moving average of one parameter; ValueError if decay is not in [0, 1]."""
    kept = _checked(decay)
    return lambda average, current, count: kept * average + (1 - kept) * current


def get_swa_avg_fn() -> AvgFn:
    """The mean of one parameter."""
    return lambda average, current, count: average + (current - average) / (int(count.item()) + 1)


def _checked(decay: float) -> float:
    if not 0 <= decay <= 1:
        raise ValueError(f"decay must be between 0 and 1, got {decay}")
    return decay


def _copy(to: Iterable[Tensor], values: Iterable[Tensor]) -> None:
    for a, b in zip(to, values, strict=True):
        a.array[...] = b.array
    touch_all(list(to))


def _draw_near(averaged: list[Tensor], current: list[Tensor], weight: float) -> None:
    """a += weight (c - a): a step of gradient descent on (a - c)^2 / 2, which is how it is written for the kernel."""
    by_type: dict[Any, tuple[list[Any], list[Any]]] = {}
    for a, c in zip(averaged, current, strict=True):
        if a.array.dtype.kind == "f":
            arrays = by_type.setdefault(a.array.dtype, ([], []))
            arrays[0].append(a.array)
            arrays[1].append(c.array)
        else:
            a.array[...] = c.array
    for ours, theirs in by_type.values():
        backend.sgd_step(ours, theirs, None, weight, 0.0, 0.0, 1.0, False, True)
    touch_all(averaged)
