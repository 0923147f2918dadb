"""Images moved at random: the same numbers as the C kernel draws, the same places but for rounding.

References
----------
P. Simard, D. Steinkraus and J. Platt, Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis,
ICDAR 2003.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..bounds import bounded
from ..order import gives, images
from .dropout import philox4x32

Array = np.ndarray[Any, Any]
Pairs = Sequence[tuple[float, float]]

_BLOCK = 64  # images worked on together
_LARGEST_SIGMA, _LARGEST_ANGLE = 1000, 1e6  # see csrc/augment.c


def random_uniform(n: int, first: int, seed: int, stage: int, samples: Array) -> Array:
    """(samples, n): numbers in [-1, 1) from the counters first, first + 1, ... of each sample."""
    counter = np.arange(first, first + -(-n // 4), dtype=np.uint64)
    sample = samples.astype(np.uint64)[:, None]
    drawn = philox4x32(
        (counter, stage + 0 * counter, sample & np.uint64(0xFFFFFFFF), sample >> np.uint64(32)),
        (seed & 0xFFFFFFFF, seed >> 32),
    )
    words = [np.broadcast_to(word, (len(samples), len(counter))) for word in drawn]
    return (np.stack(words, axis=-1).reshape(len(samples), -1)[:, :n] >> np.uint64(8)) * 2.0**-23 - 1


def inverse_maps(size: tuple[int, int], samples: Array, seed: int, stage: int, moves: Pairs) -> Array:
    """(samples, 2, 3): from pixels of the result to places in the image."""
    h, w = size
    low, high = np.array(moves, np.float64).T
    drawn = low + (high - low) * (0.5 * random_uniform(len(moves), 0, seed, stage, samples) + 0.5)
    angle, right, below, zoom, shear_x, shear_y = drawn.T
    a = np.cos(angle - shear_y) / np.cos(shear_y)
    b = -a * np.tan(shear_x) - np.sin(angle)
    c = np.sin(angle - shear_y) / np.cos(shear_y)
    d = -c * np.tan(shear_x) + np.cos(angle)
    cx, cy = (w - 1) / 2, (h - 1) / 2
    x, y = cx + right * w, cy + below * h
    linear = np.stack([d, -b, -c, a], axis=-1).reshape(-1, 2, 2) / zoom[:, None, None]
    shift = np.array([cx, cy]) - (linear @ np.stack([x, y], axis=-1)[..., None])[..., 0]
    return np.concatenate([linear, shift[..., None]], axis=-1)


def gaussian(n: int, sigma: float) -> Array:
    """(n, n): the convolution of n numbers, mirrored at their ends, with a Gaussian that ends at 4 sigma."""
    reach = int(8 * sigma + 1) // 2
    at = np.arange(-reach, reach + 1)
    taps = np.exp(-0.5 * (at / sigma) ** 2) if reach else np.ones(1)
    source = np.abs(np.arange(n)[:, None] + at) % max(1, 2 * (n - 1))
    matrix = np.zeros((n, n))
    np.add.at(matrix, (np.arange(n)[:, None], np.minimum(source, 2 * (n - 1) - source)), taps / taps.sum())
    return matrix


def displacements(size: tuple[int, int], samples: Array, seed: int, stage: int, elastic: Pairs) -> Array:
    """(2, samples, h, w): in x and in y, in pixels."""
    h, w = size
    fields, counter = [], 2  # behind the moves
    for alpha, sigma in elastic:
        noise = random_uniform(h * w, counter, seed, stage, samples).reshape(-1, h, w)
        fields.append(alpha * gaussian(h, sigma) @ noise @ gaussian(w, sigma).T)
        counter += -(-h * w // 4)
    return np.stack(fields)


def _between(x: Array, right: Array, down: Array) -> Array:
    """x (n, c, h, w) at places (n, h, w), between the four pixels around them; 0 outside."""
    h, w = x.shape[2:]
    bordered = np.pad(x, ((0, 0), (0, 0), (1, 2), (1, 2)))
    right, down = np.clip(right + 1, 0, w + 1), np.clip(down + 1, 0, h + 1)
    column, row = right.astype(np.int64), down.astype(np.int64)
    right, down = ((place - whole)[:, None].astype(x.dtype) for place, whole in ((right, column), (down, row)))
    image = np.arange(len(x))[:, None, None]
    p, q, r, s = (np.moveaxis(bordered[image, :, row + i, column + j], -1, 1) for i in (0, 1) for j in (0, 1))
    above, below = p + right * (q - p), r + right * (s - r)
    return above + down * (below - above)


def _bound(eps: float, y: Array, x: Array, samples: Array, seed: int, stage: int, moves: Pairs, elastic: Pairs) -> Any:
    """A place is off by so much, a value by that times the steepest slope."""
    if x.dtype == np.uint8:
        return 1.0
    if not y.size:
        return 0.0
    h, w = x.shape[2:]
    linear = np.abs(inverse_maps((h, w), samples, seed, stage, moves))
    pushed = max(alpha * (8 * sigma + 8) for alpha, sigma in ((abs(a), s) for a, s in elastic))
    place = (linear @ np.array([w + pushed, h + pushed, 1.0])).max(axis=1) * 6 + 2 * (h + w + 2)
    # Angles are doubles whatever x is, and off by a few of a double's roundings: that turns a place by its distance.
    largest = max(abs(angle) for move in (moves[0], *moves[4:6]) for angle in move)
    steep = math.prod(1 + abs(math.tan(max(map(abs, move)))) for move in moves[4:6])
    far = pushed + sum(side * (1 + max(map(abs, move))) for side, move in ((w, moves[1]), (h, moves[2])))
    turned = 8 * largest * steep * linear[:, :, :2].sum(axis=(1, 2)) * far
    error = (4 * place + 6) * eps + 4 * turned * 2.0**-53
    return error[:, None, None, None] * np.abs(x).max(axis=(2, 3), keepdims=True)


@bounded(_bound)
@gives(images)
def augment(x: Array, samples: Array, seed: int, stage: int, moves: Pairs, elastic: Pairs) -> Array:
    """Images (n, c, h, w), floats or bytes, moved by what (seed, stage) draws for each sample; see fs_augment_f32.

    moves are six ranges: rotation, shift in x and in y, zoom, shear in x and in y; elastic is (alpha, sigma) in x and in y.
    """
    if x.ndim != 4 or samples.shape != (len(x),) or len(moves) != 6 or len(elastic) != 2:
        raise ValueError(
            f"augment: expected one sample number per image of {x.shape}, 6 moves and 2 displacements, "
            f"got {samples.shape}, {len(moves)} and {len(elastic)}"
        )
    numbers = [number for pair in (*moves, *elastic) for number in pair]
    wrong = not all(map(math.isfinite, numbers)) or min(moves[3]) <= 0
    wrong |= any(abs(angle) > _LARGEST_ANGLE for i in (0, 4, 5) for angle in moves[i])
    if wrong or not all(0 <= sigma <= _LARGEST_SIGMA for _, sigma in elastic):
        raise ValueError("augment: the arguments do not fit together")
    y = np.empty(x.shape, x.dtype)
    if not x.size:
        return y
    size = x.shape[2:]
    rows, columns = np.indices(size).astype(np.float64)
    for start in range(0, len(x), _BLOCK):
        block = slice(start, start + _BLOCK)
        right, down = columns, rows
        if any(alpha for alpha, _ in elastic):
            dx, dy = displacements(size, samples[block], seed, stage, elastic)
            right, down = columns + dx, rows + dy
        maps = inverse_maps(size, samples[block], seed, stage, moves)[..., None, None]
        u, v = (maps[:, i, 0] * right + maps[:, i, 1] * down + maps[:, i, 2] for i in (0, 1))
        if x.dtype == np.uint8:
            y[block] = np.floor(_between(x[block].astype(np.float32), u, v) + np.float32(0.5))
        else:
            y[block] = _between(x[block], u, v)
    return y
