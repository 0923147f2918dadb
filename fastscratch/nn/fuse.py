"""Runs of layers that are computed as one operation: what Sequential makes of linear-tanh and the like.

A run is found by the exact types of its modules, for a subclass may compute something else. Whether it may be one operation
is asked at every call: who registers a hook, or puts something in the place of a forward, wants to see that module at work.
Options that can change (weights, training, inplace, sizes) are read at every call as well, so nothing goes stale.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ..ops.matmul import linear_activation
from ..tensor import Tensor
from .activation import ReLU, Sigmoid, Tanh
from .linear import Linear
from .module import Module

__all__ = ["fusion"]

Kinds = tuple[type[Module], ...]


class fusion:
    """Let Sequential compute runs of layers as one operation (the default), or each by itself.

    A function, and a context manager that puts back what was in force before. Either way the model is the same function;
    fused, it is faster, and within the error bounds of the kernels the results are those of the single layers.

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


# ---- which runs, and what computes them ----


def _linear_relu(input: Tensor, linear: Linear, activation: Module) -> Tensor:
    # inplace or not: what would be overwritten is the layer's result, which nobody else sees
    return linear_activation(input, linear.weight, linear.bias, "relu")


def _linear_tanh(input: Tensor, linear: Linear, activation: Module) -> Tensor:
    return linear_activation(input, linear.weight, linear.bias, "tanh")


def _linear_sigmoid(input: Tensor, linear: Linear, activation: Module) -> Tensor:
    return linear_activation(input, linear.weight, linear.bias, "sigmoid")


# The types of a run, and what is called with the input and the modules.
_RULES: dict[Kinds, Callable[..., Tensor]] = {
    (Linear, ReLU): _linear_relu,
    (Linear, Tanh): _linear_tanh,
    (Linear, Sigmoid): _linear_sigmoid,
}
_LONGEST = max(map(len, _RULES))
_FORWARD = {kind: kind.forward for kinds in _RULES for kind in kinds}  # as the classes were made
_CALL = Module.__call__


# ---- finding them ----


class _Run:
    """Modules one after the other: one operation if all are plain, that is, do nothing but their class's own forward."""

    __slots__ = ("fused", "modules", "plain")

    def __init__(self, modules: Sequence[Module], fused: Callable[..., Tensor]) -> None:
        self.modules = tuple(modules)
        self.fused = fused
        self.plain = [(module, type(module), _FORWARD[type(module)]) for module in modules]

    def __call__(self, input: Any) -> Any:
        for module, kind, forward in self.plain:
            if module._hooks or type(module) is not kind or "forward" in module.__dict__:
                break
            if kind.forward is not forward or kind.__call__ is not _CALL:
                break
        else:
            return self.fused(input, *self.modules)
        for module in self.modules:
            input = module(input)
        return input


def steps(modules: Sequence[Any]) -> list[Any]:
    """What to call one after the other to apply the modules: runs where there are any, else the modules themselves."""
    found: list[Any] = []
    at = 0
    while at < len(modules):
        for length in range(_LONGEST, 0, -1):
            run = modules[at : at + length]
            fused = _RULES.get(tuple(map(type, run)))
            if fused is not None:
                break
        found.append(modules[at] if fused is None else _Run(run, fused))
        at += len(run)
    return found
