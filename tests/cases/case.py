"""What a row of the table of operations says."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import fastscratch as fs

Draw = Callable[[np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Case:
    """One operation on inputs of one kind.

    call takes tensors and returns one tensor or several; each of inputs draws one array from a seeded generator (floats are
    drawn in float64 and given in each dtype; integers are given as they are).
    """

    name: str
    call: Callable[..., Any]
    inputs: tuple[Draw, ...]
    gradient: bool = True  # has a gradient
    differences: bool = True  # and it can be checked against differences: small, and the true derivative
    specials: bool = True  # NaN and infinities may be put among the inputs
    inplace: bool = False  # changes its inputs: they are copied for each call
    oracle: Callable[..., Any] | None = None  # the same call on another library: the module is its first argument
    bench: tuple[Draw, ...] = field(default=())  # larger inputs, for the benchmark

    def draw(self, dtype: Any, seed: int = 0) -> list[np.ndarray]:
        """The inputs as arrays of this dtype."""
        rng = np.random.default_rng(seed)
        arrays = [np.asarray(draw(rng)) for draw in self.inputs]
        return [np.asarray(a.astype(dtype)) if a.dtype.kind == "f" else a for a in arrays]

    def __str__(self) -> str:
        return self.name


def same(name: str, call: Callable[..., Any], *inputs: Any, **options: Any) -> Case:
    """A row whose call takes the module first: it means the same to fastscratch and to PyTorch, and is run on both."""
    return Case(name, functools.partial(call, fs), inputs, oracle=call, **options)


def normal(*shape: int, scale: float = 1.0) -> Draw:
    """Standard normal numbers."""
    return lambda rng: rng.standard_normal(shape) * scale


def uniform(low: float, high: float, *shape: int) -> Draw:
    """Uniform numbers in [low, high)."""
    return lambda rng: rng.uniform(low, high, shape)


def positive(*shape: int) -> Draw:
    """Numbers well away from zero."""
    return lambda rng: rng.uniform(0.5, 2.0, shape)


def labels(classes: int, *shape: int) -> Draw:
    """Integers in [0, classes)."""
    return lambda rng: rng.integers(0, classes, shape)
