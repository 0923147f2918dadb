"""Tensor: a NumPy array that remembers how it was computed.

The class holds what a tensor *is*; what can be *done* with it lives in ``ops``, whose functions attach themselves here as
methods (see :func:`method`), so that imports run downwards only.
"""

from __future__ import annotations  # or Python 3.14 takes the method `int`, once it is attached, for the type

import functools
import heapq
import math
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from . import backend, dtypes, tape
from .device import CPU, device
from .quiet import quiet
from .tape import Gradient, Node
from .turns import Turn

Array = np.ndarray[Any, Any]
F = TypeVar("F", bound=Callable[..., Any])
_turn = Turn()  # to add to a leaf's gradient


class Tensor(tape.Tracked):
    """An n-dimensional array with an optional gradient.

    Made by :func:`fastscratch.tensor`, :func:`fastscratch.zeros` and the like, as in PyTorch. ``array`` is the NumPy array
    itself (shared, not copied); its strides may be channels-last, which no other attribute shows.
    """

    __slots__ = (
        "__weakref__",
        "_base",  # the tensor that this one is a view of
        "_base_node",  # the base's node when this view's own was made
        "_node",  # where the tape goes on; None if no gradient is wanted
        "grad",
    )
    _base_node: Node | None

    __array_priority__ = 1000  # NumPy leaves array + tensor to us
    __array_ufunc__ = None

    def __init__(self, data: Any, dtype: Any = None, requires_grad: bool = False) -> None:
        self.array: Array = as_array(data, dtype)
        self.grad: Tensor | None = None
        self._node: Node | None = None
        self._changed = [0]
        self._base: Tensor | None = None
        if requires_grad:
            self.requires_grad = True

    if TYPE_CHECKING:  # the methods that ops attaches

        def __getattr__(self, name: str) -> Any: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __getitem__(self, index: Any) -> Tensor: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...

    # ---- what it is ----

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        return self.array.shape

    @property
    def dtype(self) -> dtypes.DType:
        """The type of the elements."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.array.ndim

    @property
    def device(self) -> device:
        """Always "cpu"."""
        return CPU

    def dim(self) -> int:
        """The number of axes."""
        return self.array.ndim

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one axis."""
        return self.array.shape if dim is None else self.array.shape[dim]

    def numel(self) -> int:
        """The number of elements."""
        return int(self.array.size)

    nelement = numel

    ndimension = dim
    is_cuda = False

    @property
    def itemsize(self) -> int:
        """Bytes in one element."""
        return self.array.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes in all elements."""
        return self.array.nbytes

    def data_ptr(self) -> int:
        """The address of the first element."""
        return int(self.array.ctypes.data)

    def element_size(self) -> int:
        """Bytes in one element."""
        return self.array.itemsize

    def stride(self, dim: int | None = None) -> Any:
        """Elements from one index to the next along each axis."""
        steps = tuple(s // self.array.itemsize for s in self.array.strides)
        return steps if dim is None else steps[dim]

    def is_floating_point(self) -> bool:
        """Is the dtype a floating one?"""
        return self.array.dtype.kind == "f"

    def is_contiguous(self) -> bool:
        """Is memory in the logical (C) order?"""
        return bool(self.array.flags.c_contiguous)

    # ---- gradients ----

    @property
    def requires_grad(self) -> bool:
        """Do operations on this tensor leave a trace for backward()?"""
        return history(self) is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value == self.requires_grad:
            return
        if not value and not self.is_leaf:
            raise RuntimeError("requires_grad can only be switched off on leaf tensors; use detach()")
        if value and self.array.dtype.kind != "f":
            raise RuntimeError(f"only tensors of floating point dtype can require gradients, got {self.dtype}")
        self._node = None
        if value:
            self._node = Node(None, (), ())
            self._node.retained = weakref.ref(self)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set requires_grad in place."""
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """Made by the user, not by an operation that is on the tape."""
        node = history(self)
        return node is None or node.gradient is None

    @property
    def grad_fn(self) -> Node | None:
        """The tape's record of the operation that made this tensor; None for a leaf."""
        return None if self.is_leaf else self._node

    @property
    def data(self) -> Tensor:
        """The same memory as a tensor that the tape does not know."""
        return wrap(self.array)

    @data.setter
    def data(self, value: Tensor) -> None:
        self.array = value.array
        self.touch()

    def detach(self) -> Tensor:
        """The same memory, without history; in-place changes of either are seen by the tape."""
        out = wrap(self.array)
        out._changed = self._changed
        return out

    def detach_(self) -> Tensor:
        """Forget the history in place."""
        if self._base is not None:
            raise RuntimeError("a view cannot be detached in place; use detach()")
        self._node = None
        return self

    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Add d(self)/d(leaf), times `gradient`, to the `.grad` of every leaf that self was computed from.

        Parameters
        ----------
        gradient : Tensor, optional
            Same shape as self; may be left out only if self has one element.
        retain_graph : bool
            Keep what the tape has saved, so that backward can be called again.

        Raises
        ------
        RuntimeError
            If self needs no gradient, has more than one element and no gradient is given, if the graph was freed, or if a
            tensor that the tape needs was changed in place.
        """
        start = seed_gradient(self, gradient)
        tape.run([(self._node, start)], retain_graph=retain_graph)  # type: ignore[list-item]

    def retain_grad(self) -> None:
        """Keep `.grad` of this tensor too, although it is not a leaf."""
        node = history(self)
        if node is None:
            raise RuntimeError("retain_grad() on a tensor that does not require gradients")
        node.retained = weakref.ref(self)

    def register_hook(self, hook: Callable[[Tensor], Any]) -> HookHandle:
        """Call hook(gradient) when this tensor's gradient is known; what it returns, if not None, takes its place."""
        node = history(self)
        if node is None:
            raise RuntimeError("cannot register a hook on a tensor that does not require gradients")
        if node.hooks is None:
            node.hooks = {}

        def on_array(gradient: Array) -> Array | None:
            changed = hook(wrap(gradient))
            if changed is None:
                return None
            if not isinstance(changed, Tensor) or changed.shape != gradient.shape:
                raise RuntimeError(f"a hook must return None or a tensor of shape {gradient.shape}, got {changed!r}")
            return changed.array

        return HookHandle(node.hooks, on_array)

    def _accumulate(self, gradient: Array, own: Callable[[Array], Array]) -> None:
        """Add to .grad; the first gradient becomes .grad, as own() gives it. Threads that share a leaf take turns."""
        with _turn.lock:
            if self.grad is None:
                self.grad = wrap(own(gradient))
            else:
                np.add(self.grad.array, gradient, out=self.grad.array)
                self.grad.touch()

    # ---- to Python and NumPy ----

    def numpy(self, *, force: bool = False) -> Array:
        """The NumPy array itself; RuntimeError if self requires gradients (detach first), unless forced."""
        if self.requires_grad and not force:
            raise RuntimeError("this tensor requires gradients; use tensor.detach().numpy()")
        return self.array

    def item(self) -> Any:
        """The only element, as a Python number."""
        if self.array.size != 1:
            raise RuntimeError(f"item() needs a tensor with one element, this one has shape {self.shape}")
        return self.array.item()

    def tolist(self) -> Any:
        """Nested Python lists, or a number."""
        return self.array.tolist()

    def cpu(self) -> Tensor:
        """Self: everything is on the CPU."""
        return self

    def cuda(self, device: Any = None) -> Tensor:
        """RuntimeError: there is no such device here."""
        raise RuntimeError("the only device here is the cpu")

    def pin_memory(self) -> Tensor:
        """Self: there is no device to copy to."""
        return self

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if self.requires_grad:
            raise RuntimeError("this tensor requires gradients; use tensor.detach() to give it to NumPy")
        if copy is False and dtype is not None and np.dtype(dtype) != self.dtype:
            raise ValueError(f"cannot give {self.dtype} as {dtype} without a copy")
        if copy:
            return np.array(self.array, dtype=dtype)
        return self.array if dtype is None else self.array.astype(dtype, copy=False)

    def __dlpack__(self, **kwargs: Any) -> Any:
        if self.requires_grad:
            raise BufferError("this tensor requires gradients; use tensor.detach() to export it")
        return self.array.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    def __len__(self) -> int:
        if self.array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return len(self.array)

    def __iter__(self) -> Iterator[Tensor]:
        if self.array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return (self[i] for i in range(len(self.array)))

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise RuntimeError("the truth value of a tensor with more than one element (or none) is ambiguous")
        return bool(self.array.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.array.dtype.kind not in "iub" or self.array.size != 1:
            raise TypeError("only integer tensors with one element can be used as an index")
        return int(self.array.item())

    def __contains__(self, value: Any) -> bool:
        return bool((self.array == as_array(value)).any())

    __hash__ = object.__hash__  # by identity, which == does not ask about

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.array.ndim == 0 and spec else str(self)

    def __repr__(self) -> str:
        body = np.array2string(self.array, separator=", ", precision=4, prefix="tensor(")
        if self.array.dtype not in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool):
            body += f", dtype={self.dtype}"
        if not self.is_leaf:
            body += f", grad_fn=<{history(self).name()}>"  # type: ignore[union-attr]
        elif self._node is not None:
            body += ", requires_grad=True"
        return f"tensor({body})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError("only leaf tensors can be deep-copied; use detach().clone()")
        out = type(self).__new__(type(self))
        Tensor.__init__(out, quiet.call(self.array.copy, order="K"), requires_grad=self.requires_grad)
        if self.grad is not None:
            out.grad = wrap(self.grad.array.copy(order="K"))
        memo[id(self)] = out
        return out

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (_rebuild, (type(self), np.ascontiguousarray(self.array).reshape(self.shape), self.requires_grad))


def _rebuild(kind: type[Tensor], array: Array, tracked: bool) -> Tensor:
    out = kind.__new__(kind)
    Tensor.__init__(out, array, requires_grad=tracked)
    return out


class HookHandle:
    """What registering a hook returns; remove() takes the hook away again."""

    _next = 0

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> None:
        self._hooks = hooks
        self._key = HookHandle._next
        HookHandle._next += 1
        hooks[self._key] = hook

    def remove(self) -> None:
        """Take the hook away; harmless if it is gone already."""
        self._hooks.pop(self._key, None)


# ---- making tensors ----


def as_array(data: Any, dtype: Any = None) -> Array:
    """Any data as a native NumPy array of a supported dtype; Python floats become the default dtype."""
    if isinstance(data, Tensor):
        data = data.array
    known = isinstance(data, (np.ndarray, np.generic))
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"cannot make a tensor of this data: {error}") from None
    if array.dtype == object and array.size and isinstance(array.flat[0], Tensor):
        array = np.array([t.array for t in array.flat]).reshape((*array.shape, *array.flat[0].shape))
    if dtype is not None:
        return array.astype(dtypes.as_dtype(dtype), copy=False)
    if not known and array.dtype.kind == "f":
        return array.astype(dtypes.get_default_dtype(), copy=False)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    dtypes.as_dtype(array.dtype)
    return array


_new = Tensor.__new__
_ndarray = np.ndarray


def wrap(array: Any) -> Tensor:
    """A tensor around an array, without any check: for results of the backend and of NumPy."""
    out: Tensor = _new(Tensor)
    out.array = array if type(array) is _ndarray else np.asarray(array)  # a result without axes is a NumPy scalar
    out.grad = None
    out._node = None
    out._changed = [0]
    out._base = None
    return out


def record(array: Any, parents: tuple[Tensor | None, ...], gradient: Gradient, *saved: Any) -> Tensor:
    """The result of an operation; on the tape if it should be.

    ``gradient(dy, needs, *saved)`` returns, for each parent, the gradient (a new array, or dy or a view of it) or, where
    ``needs`` is False, None. Tensors among ``saved`` reach it as arrays, after a check that they were not changed in
    place since; tape.OUTPUT stands for the result itself.
    """
    out = wrap(array)
    for parent in parents:
        if parent is not None and (parent._node is not None or parent._base is not None):
            if tape.mode.enabled:
                nodes = [None if p is None else p._node if p._base is None else history(p) for p in parents]
                if any(nodes):
                    out._node = Node(gradient, nodes, tape.with_output(saved, out))
            break
    return out


def record_view(array: Array, base: Tensor, gradient: Gradient, *saved: Any) -> Tensor:
    """Like record(), for a result that shares the memory of its one parent: in-place changes of either count for both."""
    out = record(array, (base,), gradient, *saved)
    root = base if base._base is None else base._base
    out._changed = base._changed
    out._base, out._base_node = root, root._node
    return out


def unary(
    x: Any, gradient: Gradient, saved: tuple[Any, ...], kernel: Callable[..., Any], *before: Any
) -> Tensor | None:
    """An operation of one tensor: kernel(*before, its array), and what record() takes. None unless x is a tensor of float32
    or float64: then the operation says itself what it does, or what is wrong.
    """
    if not isinstance(x, Tensor) or x.array.dtype.char not in "fd":
        return None
    return record(kernel(*before, x.array), (x,), gradient, *saved)


def in_shape(x: Any, sizes: tuple[Any, ...], gradient: Gradient) -> Tensor | None:
    """A view of a tensor in another shape, saving its own; None unless x lies in the logical order and the sizes, all of
    them ints and none negative, multiply up to its number of elements.
    """
    if not isinstance(x, Tensor) or not x.array.flags.carray or not sizes:
        return None
    if any(type(size) is not int or size < 0 for size in sizes) or math.prod(sizes) != x.array.size:
        return None
    return record_view(x.array.reshape(sizes), x, gradient, x.array.shape)


def compared(kernel: Any, a: Any, b: Any) -> Tensor | None:
    """A comparison by a kernel; None unless both are tensors of one shape and floating dtype."""
    if not isinstance(a, Tensor) or not isinstance(b, Tensor) or match(a, b) != 1:
        return None
    return wrap(kernel(a.array, b.array))


def match(a: Any, b: Any) -> int:
    """How a kernel of two operands may take these as they are: 1 as tensors of one shape and dtype, 2 as a tensor and a
    Python number, 3 as a number and a tensor; the tensors float32 or float64. 0: not at all.
    """
    first, second = isinstance(a, Tensor), isinstance(b, Tensor)
    if not (first or second) or (a if first else b).array.dtype.char not in "fd":
        return 0
    if not (first and second):
        return (2 if first else 3) if type(b if first else a) in (float, int) else 0
    return int(a.array.dtype == b.array.dtype and a.array.shape == b.array.shape)


def factors(a: Any, b: Any) -> bool:
    """Are these tensors matrices whose product a kernel may take as they are? Both float32 or both float64."""
    if not (isinstance(a, Tensor) and isinstance(b, Tensor)) or a.array.dtype.char not in "fd":
        return False
    p, q = a.array.shape, b.array.shape
    return len(p) == len(q) == 2 and p[1] == q[0] and a.array.dtype == b.array.dtype


def convolvable(
    x: Any, w: Any, b: Any, stride: Any, padding: Any, dilation: Any, groups: Any, window: Any = None
) -> bool:
    """May a kernel of convolution take images, filters and bias (or None) as they are, with these parameters?

    Tensors of one floating dtype whose shapes fit together; pairs of ints and an int in range; and a window of a max-pool
    (or None) that fits into the output, with places that a byte can name.
    """
    tensors = (x, w) if b is None else (x, w, b)
    if not all(isinstance(t, Tensor) for t in tensors) or x.array.dtype.char not in "fd":
        return False
    if any(t.array.dtype != x.array.dtype for t in tensors) or x.array.ndim != 4 or w.array.ndim != 4:
        return False
    pool = (1, 1) if window is None else window
    pairs = ((1, stride), (0, padding), (1, dilation), (1, (groups, 1)), (1, pool))
    if not all(_pair_from(*pair) for pair in pairs) or pool[0] * pool[1] > 255:
        return False
    (_, channels, *image), (filters, share, *size) = x.array.shape, w.array.shape
    if (
        filters < groups
        or filters % groups
        or share * groups != channels
        or (b is not None and b.array.shape != (filters,))
    ):
        return False
    room = [image[i] + 2 * padding[i] - dilation[i] * (size[i] - 1) - 1 for i in (0, 1)]
    return (
        _pair_from(1, (*image,))
        and _pair_from(1, (*size,))
        and all(pool[i] <= room[i] // stride[i] + 1 for i in (0, 1))
    )


def _pair_from(least: int, pair: Any) -> bool:
    return type(pair) is tuple and len(pair) == 2 and all(type(p) is int and least <= p < 2**31 for p in pair)


def overwrite(kernel: Callable[..., Any], x: Tensor, other: Any) -> bool:
    """Let a kernel of two operands, kernel(x, other, out), change x in its own memory, if the two are as match() wants them
    and the tape need know no more than that x has changed. False if nothing was done.
    """
    matched = match(x, other)
    if matched not in (1, 2) or not x.array.flags.writeable:
        return False
    operands = (x, other) if matched == 1 else (x,)
    if tape.mode.enabled and any(t._node is not None or t._base is not None for t in operands):
        return False
    kernel(x.array, other.array if matched == 1 else other, x.array)
    x.touch()
    return True


def _compiled() -> Any:
    """These functions, and the tape's walk, as the extension has them: without the interpreter."""
    classes = Tensor, Node, tape._Output, tape.OUTPUT
    ways = heapq.heappush, heapq.heappop, tape._Pending, tape._call_hooks
    return backend.tape_functions(*classes, tape.mode, tape._clock, history, np.asarray, *ways)


def cast(x: Tensor, dtype: dtypes.DType) -> Tensor:
    """x in another dtype, on the tape; x itself if it has it already."""
    if x.array.dtype == dtype:
        return x
    array = quiet.call(x.array.astype, dtype)
    return record(array, (x,), _cast_gradient, x.array.dtype) if dtype.kind == "f" else wrap(array)


def _cast_gradient(dy, needs, dtype):  # type: ignore[no-untyped-def]
    return (dy.astype(dtype),)


# ---- in-place changes ----


def history(x: Tensor) -> Node | None:
    """Where x came from. A view's history is written anew when its base was changed in place since."""
    base = x._base
    if base is not None and base._node is not x._base_node:
        past = base._node
        x._node = None if past is None else Node(_read_gradient, (past,), (places(x.array, base.array), base.shape))
        x._base_node = past  # last: another thread that asks meanwhile writes the same history
    return x._node


def _read_gradient(dy, needs, at, shape):  # type: ignore[no-untyped-def]
    dx = np.zeros(shape, dy.dtype)
    np.add.at(dx.reshape(-1), at.reshape(-1), dy.reshape(-1))
    return (dx,)


def _write_gradient(dy, needs, at):  # type: ignore[no-untyped-def]
    before = np.array(dy, order="C")  # a copy: what was overwritten had no influence
    before.reshape(-1)[at] = 0
    return before if needs[0] else None, dy.reshape(-1)[at] if needs[1] else None


def places(view: Array, base: Array) -> Array:
    """The logical position in base of every element of a view of it."""

    def offsets(array: Array) -> Array:
        start = array.__array_interface__["data"][0]
        steps = np.ogrid[tuple(slice(size) for size in array.shape)]
        return sum((i * stride for i, stride in zip(steps, array.strides, strict=True)), np.array(start))

    known = np.broadcast_to(offsets(base), base.shape).reshape(-1)
    order = np.argsort(known, kind="stable")
    wanted = np.broadcast_to(offsets(view), view.shape)
    return order[np.searchsorted(known, wanted, sorter=order)]


def replace(x: Tensor, result: Tensor) -> Tensor:
    """Make x, in place, what an operation on it has computed: the second half of every op that ends in an underscore."""
    check_inplace(x)
    if result.array.shape != x.array.shape:
        raise RuntimeError(f"an in-place operation cannot change the shape: {x.shape} would become {result.shape}")
    if result.array.dtype != x.array.dtype:
        if not np.can_cast(result.dtype, x.dtype, "same_kind"):
            raise RuntimeError(f"result type {result.dtype} cannot be stored in a tensor of {x.dtype}")
        result = cast(result, x.dtype)
    if result._node is not None:
        _keep_overwritten(x, result._node)
    np.copyto(x.array, result.array)
    return rewrite(x, result._node)


def _keep_overwritten(x: Tensor, node: Node) -> None:
    """If the operation saved what it is about to overwrite, let it save a copy."""
    saved = node.saved or ()
    if any(value is x for value in saved):
        before = wrap(quiet.call(x.array.copy, order="K"))
        node.saved = tuple([before if value is x else value for value in saved])


def check_inplace(x: Tensor) -> None:
    """RuntimeError where x must not be changed in place."""
    if not x.array.flags.writeable:
        raise RuntimeError("this tensor cannot be changed in place: it is expanded or read-only; use clone()")
    if tape.mode.enabled:
        owner = x if x._base is None else x._base
        if owner._node is not None and owner._node.gradient is None:
            kind = "leaf tensor" if owner is x else "view of a leaf tensor"
            raise RuntimeError(
                f"a {kind} that requires gradients is changed in place; do it under no_grad(), or on a clone()"
            )


def rewrite(x: Tensor, node: Node | None) -> Tensor:
    """x was changed in place by the operation that node stands for: give x, and what it is a view of, their new history."""
    x.touch()
    base = x._base
    if not tape.mode.enabled:
        return x
    if base is None:
        _move_retained(x, node)
        x._node = node
    elif node is not None or base._node is not None:
        written = Node(_write_gradient, (base._node, node), (places(x.array, base.array),))
        _move_retained(base, written)
        base._node = written
    return x


def _move_retained(x: Tensor, node: Node | None) -> None:
    """retain_grad() is about the tensor, not about the operation that made it first."""
    if x._node is not None and node is not None:
        node.retained, x._node.retained = x._node.retained, None


wrap, record, record_view, unary, in_shape, compared, match, factors, convolvable, overwrite, tape.walk = (
    _compiled()
    or (
        wrap,
        record,
        record_view,
        unary,
        in_shape,
        compared,
        match,
        factors,
        convolvable,
        overwrite,
        tape.walk,
    )
)


def seed_gradient(tensor: Tensor, gradient: Any) -> Array:
    """The gradient that backward starts from: ones for a scalar, or what the user gave, checked."""
    if history(tensor) is None:
        raise RuntimeError("this tensor does not require gradients and was not computed from one that does")
    if gradient is None:
        if tensor.array.size != 1:
            raise RuntimeError(
                f"backward() without a gradient needs a tensor with one element, this one has shape {tensor.shape}"
            )
        return np.array(1, tensor.array.dtype, ndmin=tensor.array.ndim)
    array = as_array(gradient)
    if array.shape != tensor.shape:
        raise RuntimeError(f"the gradient has shape {array.shape}, the tensor {tensor.shape}")
    return array.astype(tensor.dtype, copy=False)


def method(function: F, *names: str) -> F:
    """Attach a function whose first parameter is a tensor to Tensor, under its own name and any others."""
    for name in names or (function.__name__,):
        setattr(Tensor, name, function)
    return function


def in_place(function: Callable[..., Tensor], *names: str, kernel: str = "") -> Callable[..., Tensor]:
    """The variant of an operation that overwrites its input, attached under the operation's name and an underscore.

    Where the backend has a kernel of two operands for it (named here), the result goes where it belongs at once.
    """

    @functools.wraps(function)
    def changed(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return replace(input, function(input, *args, **kwargs))

    @functools.wraps(function)
    def changed_by_kernel(input: Tensor, other: Any, **kwargs: Any) -> Tensor:
        if not kwargs and overwrite(getattr(backend, kernel), input, other):
            return input
        return replace(input, function(input, other, **kwargs))

    result = changed_by_kernel if kernel else changed
    result.__name__ = result.__qualname__ = f"{function.__name__}_"
    result.__doc__ = f"{function.__name__}, in place."
    return method(result, result.__name__, *names)
