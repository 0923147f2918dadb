"""The tape: what each operation leaves behind for the way back, and the way back.

An operation on tensors that need a gradient hangs one :class:`Node` on its result: its gradient function, the nodes (or
leaves) it came from, and the arrays that the gradient will need. Nodes are numbered as they are made, so a node's parents
always have smaller numbers, and walking the graph by falling number is a topological order: no search, no recursion.
"""

import functools
import heapq
import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
# gradient(dy, needs, *saved) -> one array, or None where it is not needed, for each parent
Gradient = Callable[..., Sequence[Array | None]]

OUTPUT: Any = type("OUTPUT", (), {"__repr__": lambda self: "OUTPUT"})()
"""Stands, among what an operation saves, for its own result."""


class Tracked:
    """What a node may save with a guard against in-place changes; Tensor is the only kind."""

    __slots__ = ("_version", "array")
    _version: list[int]
    array: Array


class _GradMode(threading.local):
    enabled = True


mode = _GradMode()
_numbers = itertools.count()


class Node:
    """One operation on the tape."""

    __slots__ = ("gradient", "guards", "hooks", "number", "parents", "retained", "saved")

    def __init__(self, gradient: Gradient, parents: tuple[Any, ...], saved: tuple[Any, ...], out: Any) -> None:
        self.gradient: Gradient | None = gradient
        self.parents = tuple([None if p is None or not p._tracked else p._node or p for p in parents])
        self.number = next(_numbers)
        self.hooks: dict[int, Callable[..., Any]] | None = None
        self.retained: Any = None
        arrays, guards = [], []
        for value in saved:
            kept = out if value is OUTPUT else value
            if isinstance(kept, Tracked):
                guards.append((kept._version, kept._version[0]))
                kept = kept.array
            arrays.append(kept)
        self.saved: list[Any] | None = arrays
        self.guards = guards

    def unpack(self) -> list[Any]:
        """What was saved, if it is still there and still what it was."""
        if self.saved is None:
            raise RuntimeError(
                "backward through the same graph a second time: what it had saved was freed by the first; "
                "pass retain_graph=True to the first backward"
            )
        for version, seen in self.guards:
            if version[0] != seen:
                raise RuntimeError(
                    f"a tensor that the gradient of {self.name()} needs was changed in place since "
                    f"(it is at version {version[0]}, expected {seen}); change a copy instead (clone)"
                )
        return self.saved

    def name(self) -> str:
        """The operation's name, for messages: PyTorch's grad_fn names, near enough."""
        return getattr(self.gradient, "__name__", "a freed operation").strip("_").removesuffix("_gradient")

    def free(self) -> None:
        """Let go of everything saved."""
        self.saved = None
        self.guards = []


class _Pending:
    """Gradients on their way: the first arrival is kept as it is, only a sum made here is added to in place."""

    def __init__(self) -> None:
        self._arrays: dict[Any, Array] = {}
        self._ours: set[Any] = set()

    def add(self, key: Any, gradient: Array) -> bool:
        """Add to what has arrived for this node or leaf; True if it is the first."""
        held = self._arrays.get(key)
        if held is None:
            self._arrays[key] = gradient
            return True
        if key in self._ours:
            np.add(held, gradient, out=held)
        else:
            self._arrays[key] = np.asarray(held + gradient)  # NumPy makes scalars of 0-d sums
            self._ours.add(key)
        return False

    def take(self, key: Any) -> Array:
        return self._arrays.pop(key)

    def leaves(self) -> dict[Any, Array]:
        return self._arrays


def run(roots: Sequence[tuple[Any, Array]], *, retain_graph: bool, wanted: Sequence[Any] | None = None) -> list[Any]:
    """Carry gradients from the roots back to the leaves.

    Each root is a (tensor, gradient of it) pair. With ``wanted`` None, leaves get theirs added to ``.grad``. Otherwise
    the gradients of the wanted tensors, leaves or not, are returned (None where nothing arrived) and ``.grad`` is left
    alone.
    """
    pending = _Pending()
    heap: list[tuple[int, Node]] = []
    leaves: dict[int, Any] = {}

    def arrive(target: Any, gradient: Array) -> None:
        if type(target) is Node:
            if pending.add(target, gradient):
                heapq.heappush(heap, (-target.number, target))
        elif pending.add(id(target), gradient):
            leaves[id(target)] = target

    for tensor, gradient in roots:
        arrive(tensor._node or tensor, gradient)
    captured: dict[Any, Array] = {}
    keys = set() if wanted is None else {t._node for t in wanted if t._node is not None}
    while heap:
        node = heapq.heappop(heap)[1]
        dy = pending.take(node)
        if node.hooks:
            dy = _call_hooks(node.hooks, dy)
        if node.retained is not None and wanted is None:
            _retain(node, dy)
        if node in keys:
            captured[node] = dy
        saved = node.unpack()
        parents = node.parents
        gradients = node.gradient(dy, tuple([p is not None for p in parents]), *saved)  # type: ignore[misc]
        if not retain_graph:
            node.free()
        for parent, gradient in zip(parents, gradients, strict=True):
            if parent is not None and gradient is not None:
                arrive(parent, gradient)
    arrived = {}
    for key, gradient in pending.leaves().items():
        hooks = leaves[key]._hooks
        arrived[key] = _call_hooks(hooks, gradient) if hooks else gradient
    if wanted is None:
        for key, gradient in arrived.items():
            leaves[key]._accumulate(gradient)
        return []
    return [captured.get(t._node) if t._node is not None else arrived.get(id(t)) for t in wanted]


def _call_hooks(hooks: dict[int, Callable[..., Any]], gradient: Array) -> Array:
    for hook in list(hooks.values()):
        changed = hook(gradient)
        gradient = gradient if changed is None else changed
    return gradient


def _retain(node: Node, dy: Array) -> None:
    tensor = node.retained()
    if tensor is not None:
        tensor._accumulate(dy)


class set_grad_enabled:
    """Switch recording on or off: a function, a context manager and, through no_grad and enable_grad, a decorator."""

    def __init__(self, mode: bool) -> None:
        self._previous = _swap(mode)
        self._mode = mode

    def __enter__(self) -> None:
        _swap(self._mode)

    def __exit__(self, *exception: object) -> None:
        _swap(self._previous)


def _swap(enabled: bool) -> bool:
    previous = mode.enabled
    mode.enabled = bool(enabled)
    return previous


class _Switch:
    """Base of no_grad and enable_grad: a context manager, re-enterable, and a decorator."""

    _enabled: bool

    def __init__(self) -> None:
        self._previous: list[bool] = []

    def __enter__(self) -> None:
        self._previous.append(_swap(self._enabled))

    def __exit__(self, *exception: object) -> None:
        _swap(self._previous.pop())

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


inference_mode = no_grad


def is_grad_enabled() -> bool:
    """Are operations being recorded?"""
    return mode.enabled
