"""Tensor: a NumPy array that remembers how it was computed.

The class holds what a tensor *is*; what can be *done* with it lives in ``ops``, whose functions attach themselves here as
methods (see :func:`method`), so that imports run downwards only.
"""

import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from . import dtypes, tape
from .tape import Gradient, Node

Array = np.ndarray[Any, Any]
F = TypeVar("F", bound=Callable[..., Any])


class Tensor(tape.Tracked):
    """An n-dimensional array with an optional gradient.

    Made by :func:`fastscratch.tensor`, :func:`fastscratch.zeros` and the like, as in PyTorch. ``array`` is the NumPy array
    itself (shared, not copied); its strides may be channels-last, which no other attribute shows.
    """

    __slots__ = (
        "__weakref__",
        "_hooks",
        "_is_view",
        "_node",
        "_owns_grad",
        "_tracked",
        "grad",
    )

    __array_priority__ = 1000  # NumPy leaves array + tensor to us
    __array_ufunc__ = None

    def __init__(self, data: Any, dtype: Any = None, requires_grad: bool = False) -> None:
        self.array: Array = as_array(data, dtype)
        self.grad: Tensor | None = None
        self._tracked = False
        self._node: Node | None = None
        self._version = [0]
        self._hooks: dict[int, Callable[..., Any]] | None = None
        self._is_view = False
        self._owns_grad = False
        if requires_grad:
            self.requires_grad = True

    if TYPE_CHECKING:  # the methods that ops attaches

        def __getattr__(self, name: str) -> Any: ...
        def __add__(self, other: Any) -> "Tensor": ...
        def __radd__(self, other: Any) -> "Tensor": ...
        def __sub__(self, other: Any) -> "Tensor": ...
        def __rsub__(self, other: Any) -> "Tensor": ...
        def __mul__(self, other: Any) -> "Tensor": ...
        def __rmul__(self, other: Any) -> "Tensor": ...
        def __truediv__(self, other: Any) -> "Tensor": ...
        def __rtruediv__(self, other: Any) -> "Tensor": ...
        def __pow__(self, other: Any) -> "Tensor": ...
        def __matmul__(self, other: Any) -> "Tensor": ...
        def __neg__(self) -> "Tensor": ...
        def __lt__(self, other: Any) -> "Tensor": ...
        def __le__(self, other: Any) -> "Tensor": ...
        def __gt__(self, other: Any) -> "Tensor": ...
        def __ge__(self, other: Any) -> "Tensor": ...
        def __getitem__(self, index: Any) -> "Tensor": ...
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
    def device(self) -> str:
        """Always "cpu"."""
        return "cpu"

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
        return self._tracked

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and self.array.dtype.kind != "f":
            raise RuntimeError(f"only tensors of floating point dtype can require gradients, got {self.dtype}")
        if not value and self._node is not None:
            raise RuntimeError("requires_grad can only be switched off on leaf tensors; use detach()")
        self._tracked = bool(value)

    def requires_grad_(self, requires_grad: bool = True) -> "Tensor":
        """Set requires_grad in place."""
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """Made by the user, not by an operation that is on the tape."""
        return self._node is None

    @property
    def grad_fn(self) -> Node | None:
        """The tape's record of the operation that made this tensor; None for a leaf."""
        return self._node

    @property
    def data(self) -> "Tensor":
        """The same memory as a tensor that the tape does not know."""
        return wrap(self.array)

    @data.setter
    def data(self, value: "Tensor") -> None:
        self.array = value.array
        self._version[0] += 1

    def detach(self) -> "Tensor":
        """The same memory, without history; in-place changes of either are seen by the tape."""
        out = wrap(self.array)
        out._version = self._version
        return out

    def detach_(self) -> "Tensor":
        """Forget the history in place."""
        if self._is_view:
            raise RuntimeError("a view cannot be detached in place; use detach()")
        self._node = None
        self._tracked = False
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
        tape.run([(self, seed_gradient(self, gradient))], retain_graph=retain_graph)

    def retain_grad(self) -> None:
        """Keep `.grad` of this tensor too, although it is not a leaf."""
        if not self._tracked:
            raise RuntimeError("retain_grad() on a tensor that does not require gradients")
        if self._node is not None:
            self._node.retained = weakref.ref(self)

    def register_hook(self, hook: Callable[["Tensor"], Any]) -> "HookHandle":
        """Call hook(gradient) when this tensor's gradient is known; what it returns, if not None, takes its place."""
        if not self._tracked:
            raise RuntimeError("cannot register a hook on a tensor that does not require gradients")
        owner: Any = self if self._node is None else self._node
        field = "_hooks" if self._node is None else "hooks"
        if getattr(owner, field) is None:
            setattr(owner, field, {})

        def on_array(gradient: Array) -> Array | None:
            changed = hook(wrap(gradient))
            return None if changed is None else changed.array

        return HookHandle(getattr(owner, field), on_array)

    def _accumulate(self, gradient: Array) -> None:
        """Add to .grad: the first array is kept by reference, and only a sum made here is added to in place."""
        if self.grad is None:
            self.grad = wrap(gradient)
            self._owns_grad = False
        elif self._owns_grad:
            np.add(self.grad.array, gradient, out=self.grad.array)
        else:
            self.grad.array = np.asarray(self.grad.array + gradient)  # NumPy makes scalars of 0-d sums
            self._owns_grad = True

    # ---- to Python and NumPy ----

    def numpy(self) -> Array:
        """The NumPy array itself; RuntimeError if self requires gradients (detach first)."""
        if self._tracked:
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

    def cpu(self) -> "Tensor":
        """Self: everything is on the CPU."""
        return self

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if self._tracked:
            raise RuntimeError("this tensor requires gradients; use tensor.detach() to give it to NumPy")
        if copy is False and dtype is not None and np.dtype(dtype) != self.dtype:
            raise ValueError(f"cannot give {self.dtype} as {dtype} without a copy")
        if copy:
            return np.array(self.array, dtype=dtype)
        return self.array if dtype is None else self.array.astype(dtype, copy=False)

    def __dlpack__(self, **kwargs: Any) -> Any:
        if self._tracked:
            raise BufferError("this tensor requires gradients; use tensor.detach() to export it")
        return self.array.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    def __len__(self) -> int:
        if self.array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return len(self.array)

    def __iter__(self) -> Iterator["Tensor"]:
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

    def __hash__(self) -> int:
        return id(self)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.array.ndim == 0 and spec else str(self)

    def __repr__(self) -> str:
        body = np.array2string(self.array, separator=", ", precision=4, prefix="tensor(")
        if self.array.dtype not in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool):
            body += f", dtype={self.dtype}"
        if self._node is not None:
            body += f", grad_fn=<{self._node.name()}>"
        elif self._tracked:
            body += ", requires_grad=True"
        return f"tensor({body})"

    def __deepcopy__(self, memo: dict[int, Any]) -> "Tensor":
        if self._node is not None:
            raise RuntimeError("only leaf tensors can be deep-copied; use detach().clone()")
        out = type(self).__new__(type(self))
        Tensor.__init__(out, self.array.copy(order="K"))
        out._tracked = self._tracked
        if self.grad is not None:
            out.grad = wrap(self.grad.array.copy(order="K"))
        memo[id(self)] = out
        return out

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (_rebuild, (type(self), np.ascontiguousarray(self.array), self._tracked))


def _rebuild(kind: type[Tensor], array: Array, tracked: bool) -> Tensor:
    out = kind.__new__(kind)
    Tensor.__init__(out, array)
    out._tracked = tracked
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


def wrap(array: Array) -> Tensor:
    """A tensor around an array, without any check: for results of the backend."""
    out = Tensor.__new__(Tensor)
    out.array = array
    out.grad = None
    out._tracked = False
    out._node = None
    out._version = [0]
    out._hooks = None
    out._is_view = False
    out._owns_grad = False
    return out


def record(array: Array, parents: tuple[Tensor | None, ...], gradient: Gradient, *saved: Any) -> Tensor:
    """The result of an operation; on the tape if it should be.

    ``gradient(dy, needs, *saved)`` returns, for each parent, the gradient or (where ``needs`` is False) None. Tensors
    among ``saved`` reach it as arrays, after a check that they were not changed in place; tape.OUTPUT stands for the
    result itself.
    """
    out = wrap(array)
    if tape.mode.enabled:
        for parent in parents:
            if parent is not None and parent._tracked:
                out._tracked = True
                out._node = Node(gradient, parents, saved, out)
                break
    return out


def record_view(array: Array, base: Tensor, gradient: Gradient, *saved: Any) -> Tensor:
    """Like record(), for a result that shares the memory of its one parent: in-place changes of either count for both."""
    out = record(array, (base,), gradient, *saved)
    out._version = base._version
    out._is_view = True
    if out._node is not None and base._node is not None:
        # A later in-place change of the base would leave this node with a past that no longer holds.
        out._node.guards.append((base._version, base._version[0]))
    return out


def replace(x: Tensor, result: Tensor) -> Tensor:
    """Make x, in place, what an operation on it has computed: the second half of every op that ends in an underscore."""
    check_inplace(x, result)
    if result.shape != x.shape:
        raise RuntimeError(f"an in-place operation cannot change the shape: {x.shape} would become {result.shape}")
    if not np.can_cast(result.dtype, x.dtype, "same_kind"):
        raise RuntimeError(f"result type {result.dtype} cannot be stored in a tensor of {x.dtype}")
    np.copyto(x.array, result.array, casting="same_kind")
    x._version[0] += 1
    if result._node is not None:
        # The result's own guards may be about x as it was; the array it saved as its output is a copy that still holds.
        x._node, x._tracked = result._node, True
    return x


def check_inplace(x: Tensor, *operands: Any) -> None:
    """RuntimeError where changing x in place would lose a gradient."""
    if not tape.mode.enabled:
        return
    tracked = x._tracked or any(isinstance(o, Tensor) and o._tracked for o in operands)
    if x._tracked and x._node is None:
        raise RuntimeError(
            "a leaf tensor that requires gradients is changed in place; do it under no_grad(), or on a clone()"
        )
    if tracked and x._is_view:
        raise RuntimeError(
            "a view is changed in place by an operation that needs a gradient, which is not supported; "
            "index the base instead (base[i] = value)"
        )


def seed_gradient(tensor: Tensor, gradient: Any) -> Array:
    """The gradient that backward starts from: ones for a scalar, or what the user gave, checked."""
    if not tensor._tracked:
        raise RuntimeError("this tensor does not require gradients and was not computed from one that does")
    if gradient is None:
        if tensor.array.size != 1:
            raise RuntimeError(
                f"backward() without a gradient needs a tensor with one element, this one has shape {tensor.shape}"
            )
        return np.ones(tensor.shape, tensor.dtype)
    array = as_array(gradient)
    if array.shape != tensor.shape:
        raise RuntimeError(f"the gradient has shape {array.shape}, the tensor {tensor.shape}")
    return array.astype(tensor.dtype, copy=False)


def method(function: F, *names: str) -> F:
    """Attach a function whose first parameter is a tensor to Tensor, under its own name and any others."""
    for name in names or (function.__name__,):
        setattr(Tensor, name, function)
    return function
