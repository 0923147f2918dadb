"""Embedding: rows of a table by number, and gradients added back to the rows they came from."""

from typing import Any

import numpy as np

from ..bounds import bounded, exact
from ..order import gives, rows

Array = np.ndarray[Any, Any]


def _need_in_range(kernel: str, index: Array, rows: int) -> None:
    wrong = index[(index < 0) | (index >= rows)]
    if wrong.size:
        raise IndexError(f"{kernel}: index {wrong.flat[0]} is out of range for a table of {rows} rows")


def _backward_bound(eps: float, y: Array, dy: Array, index: Array, rows: int, padding_idx: int | None) -> Array:
    uses = np.bincount(index.ravel(), minlength=rows)[:, None]
    return (uses + 1) * eps * embedding_backward(np.abs(dy), index, rows, padding_idx)


@bounded(exact)
@gives(rows)
def embedding_forward(weight: Array, index: Array) -> Array:
    """weight[index]: (rows, d) and (...) -> (..., d)."""
    _need_in_range("embedding_forward", index, len(weight))
    return weight[index]


@bounded(_backward_bound)
def embedding_backward(dy: Array, index: Array, rows: int, padding_idx: int | None) -> Array:
    """dw[r] = the sum of dy[i] over index[i] == r, in the order of i; 0 for r == padding_idx."""
    _need_in_range("embedding_backward", index, rows)
    dw = np.zeros((rows, dy.shape[-1]), dy.dtype)
    np.add.at(dw, index.ravel(), dy.reshape(index.size, dy.shape[-1]))
    if padding_idx is not None:
        dw[padding_idx] = 0
    return dw
