"""One operation on 8 floats: what it costs beyond the arithmetic."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..library import Call, Library
from .work import Work

SIZE = 8
MOST = 1e-6  # seconds that one operation may take


def small(operation: Callable[[Any, Any], Any]) -> Callable[[Library], Call]:
    """operation(x, y), x with a gradient, on 8 numbers each."""

    def build(library: Library) -> Call:
        x = library.tensor(np.full(SIZE, 0.5, np.float32), grad=True)
        y = library.tensor(np.full(SIZE, 2.0, np.float32))
        return lambda: operation(x, y)

    return build


def _linear(library: Library) -> Call:
    layer = library.nn.Linear(SIZE, SIZE)
    x = library.tensor(np.full((1, SIZE), 0.5, np.float32))
    return lambda: layer(x)


def plain(operation: Callable[[Any, Any], Any]) -> Callable[[Library], Call]:
    """operation(z, y) on 8 numbers each, nothing recorded."""

    def build(library: Library) -> Call:
        z, y = library.tensor(np.zeros(SIZE, np.float32)), library.tensor(np.full(SIZE, 2.0, np.float32))
        return lambda: operation(z, y)

    return build


_SINGLE = [
    Work("x * y", small(lambda x, y: x * y), 2.0),
    Work("x + y", small(lambda x, y: x + y), 2.0),
    Work("x * 2.0", small(lambda x, y: x * 2.0), 2.0),
    Work("x ** 2", small(lambda x, y: x**2), 2.0),
    Work("x.relu()", small(lambda x, y: x.relu()), 2.0),
    Work("x.tanh()", small(lambda x, y: x.tanh()), 2.0),
    Work("x.sum()", small(lambda x, y: x.sum()), 2.0),
    Work("x.reshape(2, 4)", small(lambda x, y: x.reshape(2, 4)), 2.0),
    Work("x[1:3]", small(lambda x, y: x[1:3]), 2.0),
    Work("x.view(2, 4)", small(lambda x, y: x.view(2, 4)), 2.0),
    Work("-x", small(lambda x, y: -x), 2.0),
    Work("x.sqrt()", small(lambda x, y: x.sqrt()), 2.0),
    Work("x.mean()", small(lambda x, y: x.mean()), 2.0),
    Work("x > y", small(lambda x, y: x > y), 2.0),
    Work("z.add_(y), nothing recorded", plain(lambda z, y: z.add_(y)), 2.0),
    Work("z.mul_(0.5), nothing recorded", plain(lambda z, y: z.mul_(0.5)), 2.0),
    Work("Linear(8, 8), one row", _linear, 2.0),
]

WORKS = [
    *(replace(work, target_seconds=MOST) for work in _SINGLE),
    Work("(x * y).sum().backward()", small(lambda x, y: (x * y).sum().backward()), 2.0),
]
