"""Running a row of the table: layouts, traces of kernels, and kernels that are wrong on purpose."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from cases import Case

import fastscratch as fs


def _strided(x: np.ndarray) -> np.ndarray:
    """Every second element of a larger array along each axis."""
    room = np.zeros([2 * s for s in x.shape], x.dtype)
    view = room[(*(slice(None, None, 2) for _ in x.shape), ...)]
    view[...] = x
    return view


def _channels_last(x: np.ndarray) -> np.ndarray:
    """The second axis innermost in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if x.ndim > 2 else _contiguous(x)


def _contiguous(x: np.ndarray) -> np.ndarray:
    """In C order; unlike ascontiguousarray it leaves an array without axes as it is."""
    return np.asarray(x, order="C")


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "contiguous": _contiguous,
    "fortran": lambda x: np.asarray(x, order="F"),
    "strided": _strided,
    "reversed": lambda x: np.asarray(np.flip(_contiguous(np.flip(x)))),
    "channels_last": _channels_last,
    "gaps": lambda x: _strided(x.T).T,
}


def run(case: Case, arrays: list[np.ndarray], seed: int = 1) -> list[np.ndarray]:
    """Forward, and backward from a random gradient where there is one; the results, then the gradients."""
    tensors = [fs.from_numpy(a.copy(order="K") if case.inplace else a) for a in arrays]
    if case.gradient:
        for t in tensors:
            if t.is_floating_point():
                t.requires_grad = True
    result = case.call(*tensors)
    outputs = list(result) if isinstance(result, (tuple, list)) else [result]
    tracked = [out for out in outputs if out.requires_grad]
    rng = np.random.default_rng(seed)
    if tracked:
        directions = [fs.from_numpy(np.asarray(rng.standard_normal(t.shape), t.dtype)) for t in tracked]
        fs.autograd.backward(tracked, directions)
    gradients = [t.grad.numpy() for t in tensors if t.grad is not None]
    return [out.detach().numpy() for out in outputs] + gradients


def with_specials(arrays: list[np.ndarray], seed: int) -> list[np.ndarray]:
    """The arrays with NaN, infinities and zeros of both signs scattered in the floating ones."""
    rng = np.random.default_rng(seed)
    out = []
    for a in arrays:
        b = a.copy()
        if b.dtype.kind == "f" and b.size:
            places = rng.integers(0, b.size, max(1, b.size // 8))
            b.flat[places] = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0], len(places))
        out.append(b)
    return out


@contextlib.contextmanager
def kernels_replaced(make: Callable[[str, Any], Any]) -> Iterator[None]:
    """Inside, each kernel of the backend in force is make(name, kernel)."""
    names = fs.backend._numpy.__all__
    before = {name: getattr(fs.backend, name) for name in names}
    try:
        for name in names:
            setattr(fs.backend, name, make(name, before[name]))
        yield
    finally:
        for name in names:
            setattr(fs.backend, name, before[name])


@functools.cache
def kernels_used(case: Case) -> set[str]:
    """The names of the kernels that a row calls, forward and backward."""
    used: set[str] = set()

    def spy(name: str, kernel: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            used.add(name)
            return kernel(*args, **kwargs)

        return call

    with kernels_replaced(spy):
        run(case, case.draw(np.float64))
    return used


def corrupted(kernel: Any, inplace: tuple[int, ...], output: int = -1) -> Any:
    """The kernel, except that one element of one of its outputs is wrong."""

    def call(*args: Any, **kwargs: Any) -> Any:
        result = kernel(*args, **kwargs)
        if isinstance(result, float):
            return result * 1.01 + 0.01
        place = [*(args[i] for i in inplace), result]
        arrays = [a for a in _arrays(place) if a.size]
        if not arrays:
            return result
        victim = arrays[output]
        index = tuple(s - 1 for s in victim.shape)
        victim[index] = _wrong(victim[index])
        return result

    return call


def _wrong(value: Any) -> Any:
    if value.dtype.kind == "b":
        return not value
    return value * 1.01 + 0.01 if value.dtype.kind == "f" else value + 1


def _arrays(value: Any) -> list[np.ndarray]:
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, (tuple, list)):
        return [a for part in value for a in _arrays(part)]
    return []
