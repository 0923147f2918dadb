"""Pooling: windows apart, overlapping, cut by the border and sticking out of it."""

from typing import Any

import numpy as np

import fastscratch as fs
from fastscratch.ops.pool import adaptive_avg_pool2d, avg_pool2d

from .case import Case, Draw, normal

BENCH = (normal(64, 32, 26, 26),)


def _apart(*shape: int) -> Draw:
    """Numbers so far apart that no small step changes which is the largest."""
    size = int(np.prod(shape))
    return lambda rng: rng.permutation(size).reshape(shape) / 8.0 - size / 16


def _row(name: str, pool: Any, shape: tuple[int, ...], *args: Any, bench: tuple[Draw, ...] = (), **kwargs: Any) -> Case:
    draw = _apart if name.startswith("max") else normal
    return Case(name, lambda x: pool(x, *args, **kwargs), (draw(*shape),), bench=bench)


CASES = [
    _row("max_pool2d", fs.max_pool2d, (2, 3, 6, 5), 2, bench=BENCH),
    _row("max_pool2d_wide", fs.max_pool2d, (1, 35, 4, 5), (2, 3)),
    _row("max_pool2d_overlap", fs.max_pool2d, (2, 5, 6, 7), 3, 2, 1),
    _row("max_pool2d_ceil", fs.max_pool2d, (2, 2, 5, 6), (2, 4), 3, (1, 2), ceil_mode=True),
    _row("max_pool2d_dilation", fs.max_pool2d, (1, 17, 7, 8), (3, 2), (1, 2), (1, 0), (2, 3)),
    _row("max_pool2d_whole", fs.max_pool2d, (2, 3, 3, 4), (3, 4)),
    _row("max_pool2d_unbatched", fs.max_pool2d, (3, 4, 4), 2),
    _row("max_pool2d_indices", lambda x: fs.max_pool2d(x, 3, 1, return_indices=True), (2, 2, 4, 4)),
    _row("max_pool1d", fs.max_pool1d, (2, 3, 9), 2, bench=(normal(64, 32, 782),)),
    _row("max_pool1d_geometry", fs.max_pool1d, (2, 9), 3, 2, 1, 2, True),
    Case("max_pool2d_ties", lambda x: fs.max_pool2d(x, 3, 2, 1), (lambda rng: rng.integers(0, 2, (2, 9, 6, 6)) * 1.0,),
         gradient=False),
    Case("max_pool2d_empty_batch", lambda x: fs.max_pool2d(x, 2), (normal(0, 3, 4, 4),), specials=False),
    _row("avg_pool2d", avg_pool2d, (2, 3, 6, 5), 2, bench=BENCH),
    _row("avg_pool2d_wide", avg_pool2d, (1, 35, 4, 5), (2, 3), 1),
    _row("avg_pool2d_padded", avg_pool2d, (2, 5, 6, 7), 3, 2, 1),
    _row("avg_pool2d_without_padding", avg_pool2d, (2, 2, 5, 6), (3, 2), 2, 1, True, False),
    _row("avg_pool2d_ceil", avg_pool2d, (2, 2, 5, 6), (2, 4), 3, (1, 2), True),
    _row("avg_pool2d_divisor", avg_pool2d, (2, 2, 4, 4), 2, divisor_override=-3),
    _row("avg_pool2d_unbatched", avg_pool2d, (3, 4, 4), 2),
    _row("avg_pool1d", fs.avg_pool1d, (2, 3, 9), 4, 2, 1),
    Case("avg_pool2d_empty_batch", lambda x: avg_pool2d(x, 2), (normal(0, 3, 4, 4),), specials=False),
    _row("adaptive_avg_pool2d", adaptive_avg_pool2d, (2, 3, 6, 5), (3, 2), bench=BENCH),
    _row("adaptive_avg_pool2d_global", adaptive_avg_pool2d, (2, 18, 4, 5), 1),
    _row("adaptive_avg_pool2d_larger", adaptive_avg_pool2d, (1, 2, 3, 2), (5, None)),
    _row("adaptive_avg_pool1d", fs.adaptive_avg_pool1d, (2, 3, 7), 3),
]  # fmt: skip
