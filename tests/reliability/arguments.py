"""Kernel arguments as a fuzzer sees them: bytes choose a row of the table of operations and what is wrong with its inputs.

A quarter of the inputs go through the public operation, there and back, on the backend `check`, which compares with the
twin. The others go straight to a kernel of the extension, with arguments that no operation would pass on. Nothing but the
documented exceptions may come out, and no byte beyond the inputs may be touched: they lie at the edge of forbidden memory.
"""

import copy
import functools
import warnings
from contextlib import suppress
from typing import Any

import numpy as np
from cases import CASES, Case
from harness import LAYOUTS, kernels_replaced, kernels_used, run, with_specials

import fastscratch as fs
from fastscratch import backend

from .guarded import Guarded

DOCUMENTED = (RuntimeError, TypeError, IndexError, ValueError, MemoryError, OverflowError)
_SIZES = (0, 1, 2, 3, 5, 8, 17, 33)
_DTYPES = ("f4", "f8", "f2", "i4", "i8", "u1", "?", "c8")
_INTEGERS = (0, 1, -1, 2, 3, 7, 255, 2**31 - 1, 2**31, 2**62, 2**63 - 1, 2**63, -(2**63))
_FLOATS = (0.0, -0.0, -1.0, 0.5, 1.0, 1e-45, 1e300, float("inf"), float("-inf"), float("nan"))
_OTHERS = (None, "x", (), [], 1, 1.5, np.ones(3, np.float32), np.zeros((0, 2)))
_EXTREMES = (1e9, -1e9, 1e-20, 1e-40, 0.0, -0.0)  # whose squares a float32 holds, as the twin in float64 does
_AXES = 64  # NumPy's
_SMALL = 600  # elements: beyond that only time is spent


class Choices:
    """Decisions, one after the other, out of bytes; without any left, always the first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def below(self, n: int) -> int:
        width = 1 if n <= 256 else 2
        piece = self._data[self._at : self._at + width]
        self._at += width
        return int.from_bytes(piece, "little") % n

    def of(self, values: Any) -> Any:
        return values[self.below(len(values))]

    def seldom(self) -> bool:
        return self.below(4) == 3


@functools.cache
def _guarded() -> Guarded:
    return Guarded()


@functools.cache
def _drawn(case: Case, dtype: Any) -> list[np.ndarray]:
    return case.draw(dtype)


@functools.cache
def rows() -> list[Case]:
    """The small rows of the table, and of the kernels that those do not call the smallest row."""
    chosen, known = [], set()
    for case in sorted(CASES, key=lambda case: sum(a.size for a in case.draw(np.float64))):
        if sum(a.size for a in case.draw(np.float64)) <= _SMALL or kernels_used(case) - known:
            chosen.append(case)
            known |= kernels_used(case)
    return chosen


@functools.cache
def _calls() -> list[tuple[str, tuple[Any, ...]]]:
    """A few calls of every kernel, with the arguments that the rows of the table lead to."""
    found: dict[str, list[tuple[Any, ...]]] = {}

    def spy(name: str, kernel: Any) -> Any:
        def call(*args: Any) -> Any:
            known = found.setdefault(name, [])
            if len(known) < 12:
                known.append(copy.deepcopy(args))
            return kernel(*args)

        return call

    with kernels_replaced(spy):
        for dtype in (np.float32, np.float64):
            for case in rows():
                run(case, _drawn(case, dtype))
    return [(name, args) for name, known in sorted(found.items()) for args in known]


@functools.cache
def prepare() -> None:
    """What is made once."""
    with backend.use("c"):
        _guarded()
        _calls()


def check(data: bytes) -> None:
    """AssertionError, or whatever undocumented comes out, if these bytes find a fault."""
    prepare()
    choices = Choices(data)
    fs.set_num_threads(1)
    isa, algorithm = choices.of(backend.isas()), choices.of(("auto", "direct", "winograd", "im2col"))
    backend.set_conv_algorithm(algorithm)
    fs.manual_seed(0)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of NumPy, about NaN
        if choices.below(4):
            _check_door(choices, isa)
        else:
            _check_operation(choices, isa)


def _check_operation(choices: Choices, isa: str) -> None:
    """A row of the table, on inputs of other sizes, types, layouts and values."""
    case, dtype = choices.of(rows()), choices.of((np.float32, np.float64))
    arrays = _resized(_drawn(case, dtype), choices)
    if sum(a.size for a in arrays) > 20 * _SMALL:
        return
    arrays = [_changed(a, choices, case.specials) for a in arrays]
    if backend.name() != "check":
        backend.use("check")
    backend._c.set_isa(isa)
    with suppress(*DOCUMENTED):
        run(case, [_guarded().place(a, choices.below(4) < 3) for a in arrays])


def _resized(arrays: list[np.ndarray], choices: Choices) -> list[np.ndarray]:
    """Equal sizes become equal other sizes, so that what fitted still fits."""
    sizes = sorted({size for a in arrays for size in a.shape})
    new = {size: choices.of(_SIZES) if choices.seldom() else size for size in sizes}
    return [np.resize(a, [new[s] for s in a.shape]) if any(new[s] != s for s in a.shape) else a for a in arrays]


def _changed(array: np.ndarray, choices: Choices, specials: bool = True) -> np.ndarray:
    """An array with, now and then, something wrong with it; in some layout."""
    kind = choices.below(32)
    if kind == 31:
        array = array[0] if array.ndim and len(array) else array.reshape(-1)
    elif kind == 30:
        array = array[None]
    elif kind == 29:
        array = array.astype(choices.of(_DTYPES))
    elif kind == 28 and array.ndim:
        axis = choices.below(array.ndim)
        array = np.resize(array, [*array.shape[:axis], choices.of(_SIZES), *array.shape[axis + 1 :]])
    elif kind in (26, 27) and specials:
        array = with_specials([array], choices.below(256))[0]
    elif kind == 25 and array.ndim and len(array):
        array = np.broadcast_to(array[:1], array.shape)
    elif kind == 21:
        array = array.astype(array.dtype.newbyteorder())
    elif kind == 22:
        array = array.reshape((1,) * min(20 + choices.below(45), _AXES - array.ndim) + array.shape)
    elif kind in (23, 24) and array.size and (specials or array.dtype.kind in "iu"):
        array = array.copy()
        extremes = _INTEGERS if array.dtype.kind in "iu" else _EXTREMES
        with np.errstate(all="ignore"):
            array.flat[choices.below(array.size)] = np.asarray(choices.of(extremes)).astype(array.dtype)
    if not choices.seldom() or 0 in array.strides or array.ndim > 8:  # a strided one has twice the size along each axis
        return array
    return choices.of(list(LAYOUTS.values()))(array)


def _check_door(choices: Choices, isa: str) -> None:
    """A kernel, with arguments that no operation would pass on."""
    name, args = choices.of(_calls())
    given = tuple(_other(arg, choices) for arg in args)
    if backend.name() != "c":
        backend.use("c")
    backend._c.set_isa(isa)
    with suppress(*DOCUMENTED):
        getattr(backend._c, name)(*given)


def _other(value: Any, choices: Choices) -> Any:
    """The argument, or another in its place; arrays are copies."""
    if isinstance(value, np.ndarray):
        return _guarded().place(_changed(value, choices), choices.below(4) < 3)
    if isinstance(value, (list, tuple)):
        parts = [_other(part, choices) for part in value]
        kind = choices.below(32)
        if kind == 31:
            parts = parts[1:]
        elif kind == 30:
            parts = [*parts, *parts[:1]]
        return type(value)(parts)
    kind = choices.below(16)
    if kind == 15:
        return choices.of(_OTHERS)
    if kind in (13, 14) and isinstance(value, (int, float)):
        return choices.of(_FLOATS if isinstance(value, float) else _INTEGERS)
    return value
