"""Dropout, from a counter-based generator: the same bits as the C kernel.

References
----------
J. Salmon, M. Moraes, R. Dror and D. Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011.
"""

import math
from typing import Any

import numpy as np

from ..bounds import bounded, ulps

Array = np.ndarray[Any, Any]

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox4x32(counter: tuple[Any, Any, Any, Any], key: tuple[int, int], rounds: int = 10) -> tuple[Array, ...]:
    """Four random 32-bit words (in uint64) for each counter of four 32-bit words, under a key of two."""
    c0, c1, c2, c3 = (np.asarray(word, np.uint64) for word in counter)
    k0, k1 = key
    for _ in range(rounds):
        p0, p1 = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ np.uint64(k0), p1 & _LOW, (p0 >> _HALF) ^ c3 ^ np.uint64(k1), p0 & _LOW
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return c0, c1, c2, c3


def random_words(n: int, seed: int, offset: int) -> Array:
    """The first n words of the stream (seed, offset)."""
    index = np.arange(-(-n // 4), dtype=np.uint64)
    low = index & _LOW, index >> _HALF
    counter = (*low, offset & 0xFFFFFFFF, offset >> 32)
    return np.stack(philox4x32(counter, (seed & 0xFFFFFFFF, seed >> 32)), axis=-1).ravel()[:n]


def _scaled(x: Array, kept: Array, p: float) -> Array:
    y = np.zeros_like(x)
    if p < 1:
        np.multiply(x, x.dtype.type(1 / (1 - p)), out=y, where=kept)
    return y


@bounded(ulps(1.5))
def dropout_forward(x: Array, p: float, seed: int, offset: int) -> tuple[Array, Array]:
    """Zero with probability p, else x / (1 - p), and which are kept; element i in memory uses word i of (seed, offset)."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p must be between 0 and 1, got {p}")
    kept = np.empty_like(x, dtype=bool)  # keeps the order of the axes in memory
    in_memory = kept.transpose(sorted(range(x.ndim), key=lambda axis: -kept.strides[axis]))
    threshold = math.floor(p * 2.0**32 + 0.5)
    in_memory[...] = (random_words(x.size, seed, offset) >= threshold).reshape(in_memory.shape)
    return _scaled(x, kept, p), kept


@bounded(ulps(1.5))
def dropout_backward(dy: Array, kept: Array, p: float) -> Array:
    """dy / (1 - p) where an element was kept, else 0."""
    return _scaled(dy, kept, p)
