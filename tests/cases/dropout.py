"""Dropout: each call starts the generator anew, so that the same elements are dropped."""

from collections.abc import Callable
from typing import Any

import fastscratch as fs
from fastscratch.ops.dropout import dropout, dropout1d, dropout2d

from .case import Case, normal


def _seeded(operation: Callable[..., Any], p: float) -> Callable[..., Any]:
    def call(x: fs.Tensor) -> fs.Tensor:
        fs.manual_seed(7)
        return operation(x, p)

    return call


CASES = [
    Case("dropout", _seeded(dropout, 0.5), (normal(5, 7),), bench=(normal(64, 32, 14, 14),)),
    Case("dropout_images", _seeded(dropout, 0.3), (normal(2, 3, 5, 4),)),
    Case("dropout_long", _seeded(dropout, 0.1), (normal(4 * 2**15 + 67),), differences=False),
    Case("dropout_all", _seeded(dropout, 1.0), (normal(4, 3),)),
    Case("dropout_empty", _seeded(dropout, 0.5), (normal(3, 0, 2),), specials=False),
    Case("dropout1d", _seeded(dropout1d, 0.5), (normal(2, 6, 3),), specials=False),
    Case("dropout2d", _seeded(dropout2d, 0.5), (normal(2, 6, 3, 2),), specials=False),
]
