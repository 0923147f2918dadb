"""A module's hooks: functions called around its forward and its backward pass."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tape
from ..tape import Node
from ..tensor import HookHandle, Tensor, history, record, wrap

Hook = Callable[..., Any]
_NOTHING = np.zeros(())  # travels where only the arrival counts


class Hooks:
    """All hooks of one module, in the order in which they are called; each with: does it want the keyword arguments?"""

    __slots__ = ("backward", "backward_pre", "forward", "forward_pre")

    def __init__(self) -> None:
        self.forward_pre: OrderedDict[int, Any] = OrderedDict()
        self.forward: OrderedDict[int, Any] = OrderedDict()
        self.backward_pre: OrderedDict[int, Any] = OrderedDict()
        self.backward: OrderedDict[int, Any] = OrderedDict()

    def __bool__(self) -> bool:
        """Is there any, or were all of them removed?"""
        return bool(self.forward_pre or self.forward or self.backward_pre or self.backward)


def register(hooks: "OrderedDict[int, Any]", hook: Hook, with_kwargs: bool, prepend: bool) -> HookHandle:
    """Put a hook last, or first; the handle takes it away again."""
    entry: Any = (hook, with_kwargs)
    handle = HookHandle(hooks, entry)
    if prepend:
        hooks.move_to_end(next(reversed(hooks)), last=False)
    return handle


def call(module: Any, hooks: Hooks, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """module.forward(*args, **kwargs) with all the hooks around it."""
    for hook, with_kwargs in tuple(hooks.forward_pre.values()):
        args, kwargs = _call_forward_pre(module, hook, with_kwargs, args, kwargs)
    gate = None
    gradients_of_outputs: list[Any] = []
    if (hooks.backward or hooks.backward_pre) and tape.mode.enabled:
        gate, args = _gate(args, lambda given: _run_backward(module, hooks, given, gradients_of_outputs), None)
    output = module.forward(*args, **kwargs)
    for hook, with_kwargs in tuple(hooks.forward.values()):
        changed = hook(module, args, kwargs, output) if with_kwargs else hook(module, args, output)
        output = output if changed is None else changed
    if gate is None:
        return output
    several = isinstance(output, (tuple, list))
    outputs = tuple(output) if several else (output,)
    if not any(isinstance(out, Tensor) and out.requires_grad for out in outputs):
        return output

    def on_outputs(given: tuple[Any, ...]) -> tuple[Any, ...]:
        gradients_of_outputs[:] = _run_backward_pre(module, hooks, given)
        return tuple(gradients_of_outputs)

    _, outputs = _gate(outputs, on_outputs, gate)
    return type(output)(outputs) if several else outputs[0]


def _call_forward_pre(module: Any, hook: Hook, with_kwargs: bool, args: Any, kwargs: Any) -> tuple[Any, Any]:
    changed = hook(module, args, kwargs) if with_kwargs else hook(module, args)
    if changed is None:
        return args, kwargs
    if with_kwargs:
        if not (isinstance(changed, tuple) and len(changed) == 2):
            raise RuntimeError(f"a forward pre-hook with kwargs must return None or (args, kwargs), got {changed!r}")
        return changed
    return (changed if isinstance(changed, tuple) else (changed,)), kwargs


def _gate(
    values: tuple[Any, ...], on_gradients: Callable[..., Any], below: Node | None
) -> tuple[Node, tuple[Any, ...]]:
    """Lead several tensors through one node, whose gradient sees all of theirs together.

    Each tensor's own node only leaves its gradient in a slot and pokes the common one. That has a smaller number, so it
    is reached when all slots are filled; ``below``, the gate before this one, is always poked too, so that it is reached
    even if no gradient takes the way there.
    """
    slots: list[Any] = [None] * len(values)
    tracked = {i: (v.shape, v.dtype) for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad}

    def join(dy: Any, needs: Any) -> Sequence[Any]:
        for i, (shape, dtype) in tracked.items():
            slots[i] = np.zeros(shape, dtype) if slots[i] is None else slots[i]
        gradients = on_gradients(tuple(slots))
        slots[:] = [None] * len(slots)
        return (*gradients, _NOTHING)

    def module_hook_gradient(dy: Any, needs: Any, i: int) -> Sequence[Any]:
        slots[i] = dy
        return (_NOTHING,)

    parents = [history(v) if isinstance(v, Tensor) else None for v in values]
    node = Node(join, (*parents, below), ())
    passed = list(values)
    for i in tracked:
        array = values[i].array.view()
        array.flags.writeable = False  # a change in place would pass the gate unseen
        passed[i] = record(array, (_stand_in(node),), module_hook_gradient, i)
        passed[i]._changed = values[i]._changed
    return node, tuple(passed)


def _stand_in(node: Node) -> Tensor:
    """A tensor that stands for the node where a parent is asked for."""
    stub = wrap(_NOTHING)
    stub._node = node
    return stub


def _run_backward_pre(module: Any, hooks: Hooks, given: tuple[Any, ...]) -> tuple[Any, ...]:
    for hook, _ in tuple(hooks.backward_pre.values()):
        changed = hook(module, tuple(None if g is None else wrap(g) for g in given))
        given = given if changed is None else _arrays(changed, given, "output")
    return given


def _run_backward(module: Any, hooks: Hooks, given: tuple[Any, ...], outputs: list[Any]) -> tuple[Any, ...]:
    grad_output = tuple(None if g is None else wrap(g) for g in outputs)
    for hook, _ in tuple(hooks.backward.values()):
        changed = hook(module, tuple(None if g is None else wrap(g) for g in given), grad_output)
        given = given if changed is None else _arrays(changed, given, "input")
    return given


def _arrays(changed: Any, given: tuple[Any, ...], what: str) -> tuple[Any, ...]:
    values = changed if isinstance(changed, (tuple, list)) else (changed,)
    if len(values) != len(given):
        raise RuntimeError(f"a backward hook returned {len(values)} gradients of the {what}s, expected {len(given)}")
    return tuple(None if v is None else v.array for v in values)
