"""Padding: more room round a tensor, filled by one of four rules."""

import operator
from collections.abc import Sequence

import numpy as np

from ..tensor import Tensor, record
from .index import combine_at
from .operands import need_tensor, quiet

__all__ = ["pad"]

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """The tensor with elements added before and after, or (where pad is negative) taken away.

    Parameters
    ----------
    input : Tensor
    pad : sequence of int
        (before, after) of the last axis, then of the one before it, and so on: the last axis comes first.
    mode : {"constant", "reflect", "replicate", "circular"}
        What is put there: value; the mirror image without the edge; the edge; the other end.
    value : float, default 0
        For "constant" alone.

    Raises
    ------
    RuntimeError
        For an odd number of paddings or more than the axes, or one larger than what it is filled from.
    NotImplementedError
        For another mode.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.nn.functional.pad(fs.tensor([1.0, 2.0, 3.0]), (2, 1), "reflect")
    tensor([3., 2., 1., 2., 3., 2.])
    """
    x = need_tensor(input, "pad")
    widths = [int(p) for p in pad]
    if len(widths) % 2 or len(widths) > 2 * x.ndim:
        raise RuntimeError(f"pad: expected (before, after) of at most {x.ndim} axes, got {tuple(widths)}")
    if mode not in _MODES:
        raise NotImplementedError(f"pad: mode must be one of {', '.join(_MODES)}, got {mode!r}")
    pairs = [(0, 0)] * (x.ndim - len(widths) // 2) + list(zip(widths[-2::-2], widths[::-2], strict=True))
    inner = tuple(slice(max(-a, 0), size - max(-b, 0)) for (a, b), size in zip(pairs, x.shape, strict=True))
    room = [(max(a, 0), max(b, 0)) for a, b in pairs]
    if mode == "constant":
        kept = x.array[inner]
        sizes = [a + size + b for (a, b), size in zip(room, kept.shape, strict=True)]
        back = tuple(slice(a, a + size) for (a, _), size in zip(room, kept.shape, strict=True))
        y = quiet.call(np.full_like, kept, 0 if value is None else value, shape=sizes)  # in the memory order of x
        y[back] = kept
        return record(y, (x,), _constant_gradient, x.shape, inner, back)
    if value is not None and value != 0:
        raise RuntimeError(f"pad: mode {mode!r} takes no value, got {value}")
    _need_source(x.shape, pairs, mode)
    sources = [
        np.pad(np.arange(size)[cut], width, mode=_MODES[mode])  # type: ignore[call-overload]
        for size, cut, width in zip(x.shape, inner, room, strict=True)
    ]
    return record(quiet.call(operator.getitem, x.array, np.ix_(*sources)), (x,), _copies_gradient, x.shape, sources)


def _need_source(shape: tuple[int, ...], pairs: list[tuple[int, int]], mode: str) -> None:
    """Reflection reaches as far as the axis without its edge, wrapping as far as the axis, an edge must be there."""
    for axis, ((a, b), size) in enumerate(zip(pairs, shape, strict=True)):
        largest = {"reflect": size - 1, "circular": size, "replicate": np.inf if size else 0}[mode]
        if max(a, b) > max(largest, 0):
            raise RuntimeError(f"pad: {max(a, b)} is too much for mode {mode!r} and axis {axis} of shape {shape}")


def _constant_gradient(dy, needs, shape, inner, back):
    dx = np.zeros(shape, dy.dtype)
    dx[inner] = dy[back]
    return (dx,)


def _copies_gradient(dy, needs, shape, sources):
    dx = np.zeros(shape, dy.dtype)
    combine_at(np.add, dx, np.ix_(*sources), dy)
    return (dx,)
