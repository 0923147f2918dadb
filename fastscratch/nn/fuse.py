"""Runs of layers that are one operation: what Sequential makes of conv-ReLU-pool, batch norm-ReLU, linear-tanh and so on.

A run is found by the exact types of its modules, for a subclass may compute something else. Whether it may be one operation
is asked at every call: who registers a hook, or puts something in the place of a forward, wants to see that module at work.
Options that can change (weights, training, inplace, sizes) are read at every call as well, so nothing goes stale.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ..ops.conv import conv1d, conv1d_relu, conv1d_relu_max_pool1d, conv2d, conv2d_relu, conv2d_relu_max_pool2d
from ..ops.matmul import linear_activation
from ..ops.norm import batch_norm_relu
from ..tensor import Tensor
from .activation import ReLU, Sigmoid, Tanh
from .conv import Conv1d, Conv2d
from .linear import Linear
from .module import Module
from .norm import BatchNorm1d, BatchNorm2d
from .pool import MaxPool1d, MaxPool2d

__all__ = ["fusion"]


class fusion:
    """Let Sequential compute runs of layers as one operation (the default), or each by itself.

    A function, and a context manager that puts back what was in force before; for all threads. Either way the model is the
    same function; fused, it is faster, and its results are those of the single layers within the bounds of the kernels.

    Parameters
    ----------
    mode : bool

    Examples
    --------
    >>> import fastscratch as fs
    >>> net = fs.nn.Sequential(fs.nn.Linear(2, 1), fs.nn.Tanh())
    >>> x = fs.ones(1, 2)
    >>> net(x).grad_fn.name(), net(x).requires_grad
    ('linear_activation', True)
    >>> with fs.nn.fusion(False):
    ...     net(x).grad_fn.name()
    'tanh'
    """

    enabled = True

    def __init__(self, mode: bool) -> None:
        self._previous = fusion.enabled
        fusion.enabled = bool(mode)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        fusion.enabled = self._previous


# ---- which runs, and what computes them: functions of the input and the modules ----

Fused = Callable[..., Any]


def _linear_then(activation: str) -> Fused:
    """An activation's ``inplace`` says nothing here: it would overwrite what nobody else sees."""
    return lambda input, linear, _: linear_activation(input, linear.weight, linear.bias, activation)


def _with_relu(operation: Fused) -> Fused:
    """For layers that say themselves how an operation of their kind is called."""
    return lambda input, layer, _: layer._computed(operation, input)


def _with_pool(operation: Fused, without: Fused, relu: bool) -> Fused:
    """The operation, or, for pools with options that it does not take, the one without the pool and then the pool."""

    def fused(input: Tensor, conv: Any, *rest: Any) -> Any:
        pool = rest[-1]
        if pool.return_indices or pool.ceil_mode or pool.dilation not in (1, (1,), (1, 1)):
            return pool(conv._computed(without, input))
        return conv._computed(operation, input, pool.kernel_size, pool.stride, pool.padding, relu)

    return fused


_RULES: dict[tuple[type[Module], ...], Fused] = {
    (Linear, ReLU): _linear_then("relu"),
    (Linear, Tanh): _linear_then("tanh"),
    (Linear, Sigmoid): _linear_then("sigmoid"),
    (Conv1d, ReLU): _with_relu(conv1d_relu),
    (Conv2d, ReLU): _with_relu(conv2d_relu),
    (BatchNorm1d, ReLU): _with_relu(batch_norm_relu),
    (BatchNorm2d, ReLU): _with_relu(batch_norm_relu),
    (Conv1d, MaxPool1d): _with_pool(conv1d_relu_max_pool1d, conv1d, relu=False),
    (Conv2d, MaxPool2d): _with_pool(conv2d_relu_max_pool2d, conv2d, relu=False),
    (Conv1d, ReLU, MaxPool1d): _with_pool(conv1d_relu_max_pool1d, conv1d_relu, relu=True),
    (Conv2d, ReLU, MaxPool2d): _with_pool(conv2d_relu_max_pool2d, conv2d_relu, relu=True),
}
_LONGEST = max(map(len, _RULES))
_FORWARD = {kind: kind.forward for kinds in _RULES for kind in kinds}  # as the classes were made
_CALL = Module.__call__


# ---- finding them ----


class _Run:
    """Modules one after the other: one operation if all are plain, that is, do nothing but their class's own forward."""

    __slots__ = ("apart", "fused", "modules", "plain")

    def __init__(self, modules: Sequence[Module], fused: Fused) -> None:
        self.modules = tuple(modules)
        self.fused = fused
        self.plain = [(module, type(module), _FORWARD[type(module)]) for module in modules]
        self.apart = [*steps(modules[:-1]), modules[-1]]  # a shorter run, perhaps, and the rest

    def __call__(self, input: Any) -> Any:
        for module, kind, forward in self.plain:
            if module._hooks or type(module) is not kind or "forward" in module.__dict__:
                break
            if kind.forward is not forward or kind.__call__ is not _CALL:
                break
        else:
            return self.fused(input, *self.modules)
        for step in self.apart:
            input = step(input)
        return input


def steps(modules: Sequence[Any]) -> list[Any]:
    """What to call one after the other to apply the modules: runs where there are any, else the modules themselves.

    A module that stands in the list more than once is called by itself each time.
    """
    found: list[Any] = []
    shared = {module for module, count in Counter(map(id, modules)).items() if count > 1}
    at = 0
    while at < len(modules):
        for length in range(_LONGEST, 0, -1):
            run = modules[at : at + length]
            fused = None if shared.intersection(map(id, run)) else _RULES.get(tuple(map(type, run)))
            if fused is not None:
                break
        found.append(modules[at] if fused is None else _Run(run, fused))
        at += len(run)
    return found
