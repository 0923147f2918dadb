"""The order of an array's axes in memory. A kernel keeps it where the array fills its memory without gaps, and makes C
order of anything else. So do the twins: what walks memory (dropout) must find the elements where the kernels leave them.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

Array = np.ndarray[Any, Any]


def memory_order(x: Array) -> tuple[int, ...]:
    """The axes that have a step, the outermost in memory first."""
    axes = [i for i, size in enumerate(x.shape) if size > 1 and x.strides[i]]
    return tuple(sorted(axes, key=lambda i: -abs(x.strides[i]))) if x.size else ()


def is_dense(x: Array) -> bool:
    """Does x fill its memory without gaps or overlap, in whatever order of axes?"""
    expected = x.itemsize
    for stride, size in sorted((stride, size) for stride, size in zip(x.strides, x.shape, strict=True) if size != 1):
        if stride != expected:
            return False
        expected *= size
    return True


def flat(x: Array) -> Array:
    """x, or a copy of it in C order if it does not fill its memory."""
    return x if is_dense(x) else np.array(x, order="C")


def with_gaps(x: Array) -> Array:
    """A copy of x that does not fill its memory, in the same order of axes."""
    axes = sorted(range(x.ndim), key=lambda i: -abs(x.strides[i]))
    room = np.empty((*(x.shape[i] for i in axes), 2), x.dtype)[..., 0]
    copy = room.transpose(np.argsort(axes))
    copy[...] = x
    return copy


def in_order_of(y: Any, x: Array) -> Array:
    """y, or a copy of it, with its axes in memory as those of x, of the same shape, would be in a kernel's result."""
    if memory_order(y) == memory_order(x) and is_dense(x):
        return np.asarray(y)
    out = np.empty_like(flat(x), y.dtype)
    out[...] = y
    return out


def rows(y: Any) -> Array:
    """y, or a copy of it, in C order."""
    return np.asarray(y, order="C")


def images(y: Array) -> Array:
    """y (n, c, ...), or a copy of it, with the channels innermost in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(y, 1, -1)), -1, 1)


F = TypeVar("F", bound=Callable[..., Any])


def gives(lay: Callable[..., Array]) -> Callable[[F], F]:
    """For a twin: its result, or the first of several, is laid by one of the three above."""

    def mark(twin: F) -> F:
        @functools.wraps(twin)
        def call(*args: Any, **kwargs: Any) -> Any:
            result = twin(*args, **kwargs)
            if lay is in_order_of:
                model = next(a for a in args if isinstance(a, np.ndarray))
                return (lay(result[0], model), *result[1:]) if isinstance(result, tuple) else lay(result, model)
            return (lay(result[0]), *result[1:]) if isinstance(result, tuple) else lay(result)

        return call  # type: ignore[return-value]

    return mark
