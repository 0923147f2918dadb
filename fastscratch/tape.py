"""The tape: what each operation leaves behind for the way back, and the way back.

An operation on tensors that need a gradient hangs one :class:`Node` on its result: its gradient function, the nodes (or
leaves) it came from, and what the gradient will need. Nodes are numbered as they are made, so a node's parents always
have smaller numbers, and walking the graph by falling number is a topological order: no search, no recursion.

In-place changes take their numbers from the same clock: what a node saved still holds if it was last changed before the
node was made. So saving costs nothing on the way forward.
"""

import functools
import heapq
import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .quiet import quietly

Array = np.ndarray[Any, Any]
# gradient(dy, needs, *saved) -> one array, or None where it is not needed, for each parent
Gradient = Callable[..., Sequence[Array | None]]

OUTPUT: Any = type("OUTPUT", (), {"__repr__": lambda self: "OUTPUT"})()
"""Stands, among what an operation saves, for its own result."""


class Tracked:
    """What a node may save and notice in-place changes of; Tensor is the only kind.

    ``_changed`` holds the time of the last in-place change, in a list that all who share the memory share.
    """

    __slots__ = ("_changed", "array")
    _changed: list[int]
    array: Array

    def touch(self) -> None:
        """Note that the memory was changed in place."""
        self._changed[0] = next(_clock)


class _Output(Tracked):
    """A node's own result among what it saved: the array alone, for the tensor would hold its own node."""

    __slots__ = ()

    def __init__(self, out: Tracked) -> None:
        self.array, self._changed = out.array, out._changed


class _GradMode(threading.local):
    enabled = True


mode = _GradMode()
_ndarray = np.ndarray
_clock = itertools.count(1)


def touch_all(tensors: Iterable[Tracked]) -> None:
    """Note that the memory of all of these was changed in place, at one time."""
    now = next(_clock)
    for tensor in tensors:
        tensor._changed[0] = now


class Node:
    """One operation on the tape, or (with no gradient function and no parents) a leaf where the tape ends."""

    __slots__ = ("gradient", "hooks", "number", "parents", "retained", "saved")

    def __init__(self, gradient: Gradient | None, parents: Sequence["Node | None"], saved: Sequence[Any]) -> None:
        self.gradient = gradient
        self.parents = parents
        self.saved: Sequence[Any] | None = saved
        self.number = next(_clock)
        self.hooks: dict[int, Callable[..., Any]] | None = None
        self.retained: Any = None  # a weak reference to the tensor whose .grad is to be kept

    def unpack(self) -> list[Any]:
        """What was saved, tensors as arrays, if it is still there and still what it was."""
        if self.saved is None:
            raise RuntimeError(
                "backward through the same graph a second time: what it had saved was freed by the first; "
                "pass retain_graph=True to the first backward"
            )
        values = []
        for value in self.saved:
            if isinstance(value, Tracked):
                if value._changed[0] > self.number:
                    raise RuntimeError(
                        f"a tensor of shape {value.array.shape} that the gradient of {self.name()} needs was changed in "
                        "place since; change a copy instead (clone)"
                    )
                values.append(value.array)
            else:
                values.append(value)
        return values

    def name(self) -> str:
        """The operation's name, for messages: PyTorch's grad_fn names, near enough. _add__number_gradient is an add too."""
        name = getattr(self.gradient, "__name__", "a leaf").strip("_").removesuffix("_gradient")
        return str(name.partition("__")[0])


def with_output(saved: tuple[Any, ...], out: Tracked) -> tuple[Any, ...]:
    """What to save, with OUTPUT replaced by what it stands for."""
    for value in saved:
        if value is OUTPUT:
            return tuple([_Output(out) if v is OUTPUT else v for v in saved])
    return saved


class _Pending:
    """Gradients on their way: the first arrival is kept as it is, only a sum made here is added to in place."""

    __slots__ = ("arrays", "heap", "ours")

    def __init__(self) -> None:
        self.arrays: dict[Node, Array] = {}
        self.heap: list[tuple[int, Node]] = []
        self.ours: set[Node] = set()

    def add(self, node: Node, gradient: Array) -> None:
        """Add to what has arrived for this node."""
        if type(gradient) is not _ndarray:
            gradient = np.asarray(gradient)  # arithmetic on arrays without axes gives NumPy scalars
        arrays = self.arrays
        if node not in arrays:
            arrays[node] = gradient
            heapq.heappush(self.heap, (-node.number, node))
        elif node in self.ours:
            np.add(arrays[node], gradient, out=arrays[node])
        else:
            arrays[node] = np.asarray(arrays[node] + gradient)
            self.ours.add(node)

    def pop(self) -> tuple[Node, Array]:
        """The youngest node that something has arrived for: nothing more can arrive for it."""
        node = heapq.heappop(self.heap)[1]
        return node, self.arrays.pop(node)


class _Given:
    """The memory that was handed out as somebody's gradient, so that no two tensors share one."""

    def __init__(self) -> None:
        self._owners: dict[int, Array] = {}

    def mark(self, gradient: Array) -> None:
        """Somebody holds this already."""
        owner = _owner(gradient)
        self._owners[id(owner)] = owner

    def own(self, gradient: Array) -> Array:
        """The gradient, or a copy if somebody holds its memory or nobody may write to it."""
        owner = _owner(gradient)
        if id(owner) in self._owners or not gradient.flags.writeable:
            gradient = owner = gradient.copy(order="K")
        self._owners[id(owner)] = owner
        return gradient


def _owner(array: Array) -> Array:
    while isinstance(base := array.base, _ndarray):
        array = base
    return array


def run(roots: Sequence[tuple[Node, Array]], *, retain_graph: bool, wanted: Sequence[Any] | None = None) -> list[Any]:
    """Carry gradients from the roots back to the leaves.

    Each root is a (node, gradient of its tensor) pair. With ``wanted`` None, leaves get theirs added to ``.grad``.
    Otherwise the gradients of the wanted nodes, leaves or not, are returned (None where nothing arrived) and ``.grad`` is
    left alone.
    """
    with quietly():  # NaN and infinities are results like any other
        captured = walk(roots, wanted, retain_graph)
    return [] if wanted is None else [captured.get(node) for node in wanted]


def walk(roots: Sequence[tuple[Node, Array]], wanted: Sequence[Any] | None, retain_graph: bool) -> dict[Node, Array]:
    """What run() does; the gradients of the wanted nodes."""
    pending, given = _Pending(), _Given()
    captured: dict[Node, Array] = {}
    keys = set() if wanted is None else set(wanted)
    for node, gradient in roots:
        pending.add(node, gradient)
        given.mark(gradient)
    while pending.heap:
        node, dy = pending.pop()
        if node.hooks:
            dy = _call_hooks(node.hooks, dy)
            given.mark(dy)
        if node in keys:
            captured[node] = given.own(dy)
        if node.retained is not None and wanted is None:
            _retain(node, dy, given)
        if node.gradient is not None:
            step(node, node.gradient, dy, pending, retain_graph)
    return captured


def step(node: Node, gradient: Gradient, dy: Array, pending: _Pending, retain_graph: bool) -> None:
    """From one node to its parents."""
    parents = node.parents
    gradients = gradient(dy, [p is not None for p in parents], *node.unpack())
    if not retain_graph:
        node.saved = None
    for parent, array in zip(parents, gradients, strict=True):
        if parent is not None and array is not None:
            pending.add(parent, array)


def _call_hooks(hooks: dict[int, Callable[..., Any]], gradient: Array) -> Array:
    for hook in list(hooks.values()):
        changed = hook(gradient)
        gradient = gradient if changed is None else changed
    return gradient


def _retain(node: Node, dy: Array, given: _Given) -> None:
    tensor = node.retained()
    if tensor is not None and tensor._node is not None:  # it may have been frozen since
        tensor._accumulate(dy, given.own)


class set_grad_enabled:
    """Switch recording on or off: a function, a context manager and a decorator."""

    def __init__(self, mode: bool) -> None:
        self._previous = _swap(mode)
        self._mode = mode

    def __enter__(self) -> None:
        _swap(self._mode)

    def __exit__(self, *exception: object) -> None:
        _swap(self._previous)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        _swap(self._previous)
        return (enable_grad if self._mode else no_grad)()(function)


def _swap(enabled: bool) -> bool:
    previous = mode.enabled
    mode.enabled = bool(enabled)
    return previous


class _Switch:
    """Base of no_grad and enable_grad: a context manager, re-enterable, and a decorator, with parentheses or without."""

    _enabled: bool
    _previous: list[bool]

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        switch = super().__new__(cls)
        switch._previous = []
        return switch if function is None else switch(function)

    def __enter__(self) -> None:
        self._previous.append(mode.enabled)
        mode.enabled = self._enabled

    def __exit__(self, *exception: object) -> None:
        mode.enabled = self._previous.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        kind = type(self)

        @functools.wraps(function)
        def switched(*args: Any, **kwargs: Any) -> Any:
            with kind():
                return function(*args, **kwargs)

        return switched


class no_grad(_Switch):
    """Record nothing inside: results need no gradient. A context manager and a decorator."""

    _enabled = False


class enable_grad(_Switch):
    """Record again inside a no_grad. A context manager and a decorator."""

    _enabled = True


def inference_mode(mode: Any = True) -> Any:
    """no_grad under PyTorch's other name; with mode False it changes nothing."""
    return set_grad_enabled(is_grad_enabled()) if mode is False else no_grad() if mode is True else no_grad(mode)


def is_grad_enabled() -> bool:
    """Are operations being recorded?"""
    return mode.enabled
