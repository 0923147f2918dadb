"""Winograd's F(4x4, 3x3): when the C kernels use it, and how far from the truth it may be.

Of each 6 x 6 tile of the input come 4 x 4 outputs, y = A^T [(G w G^T) * (B^T x B)] A, summed over channels inside the
brackets. With absolute values in place of the numbers and the matrices, the same formula is the size that the rounding
errors have to be compared with: each of them passes through the rest of the transforms. It is larger than the sum of
|w| |x|, by up to 256, and spreads over the tile: the error of an element is small beside its neighbours, not beside itself.
With dilation d, pixels whose places are equal modulo d make an image of their own, called a phase.

A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016.
B. Barabasz, A. Anderson, K. Soodhalter and D. Gregg, Error Analysis and Improving the Accuracy of Winograd Convolution for
Deep Neural Networks, ACM TOMS 46(4), 2020.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .. import algorithm

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]

A = np.array([[1, 0, 0, 0], [1, 1, 1, 1], [1, -1, 1, -1], [1, 2, 4, 8], [1, -2, 4, -8], [0, 0, 0, 1]], float)
B = np.array(
    [
        [4, 0, 0, 0, 0, 0],
        [0, -4, 4, -2, 2, 4],
        [-5, -4, -4, -1, -1, 0],
        [0, 1, -1, 2, -2, -5],
        [1, 1, 1, 1, 1, 0],
        [0, 0, 0, 0, 0, 1],
    ],
    float,
)
G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], float) / [[24]]
MATRICES = (A, B, G)
SIZES = (np.abs(A), np.abs(B), np.abs(G))

# Roundings on the way of a term, beside those of the sum over channels or tiles: in both dimensions of each transform (B^T
# or A 4, G with its rounded constants 8, A^T or B 6, G^T 10), in sums of tiles that overlap, with the bias, and one for all
# products of two roundings.
FORWARD_ROUNDINGS = 4 + 8 + 6 + 4 + 1 + 1
FILTER_ROUNDINGS = 4 + 4 + 10 + 1


def applies(eps: float, c: int, k: int, out: Pair, size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> bool:
    """Do the C kernels convolve a group of c channels and k filters in this way? The rule of csrc/winograd.c."""
    single = eps == np.finfo(np.float32).eps / 2
    fits = all(0 <= p <= 2 * d <= 2 * o for o, p, d in zip(out, padding, dilation, strict=True))
    plain = stride == (1, 1) and size == (3, 3) and fits
    if not (single and plain) or algorithm.asked in ("direct", "im2col"):
        return False
    large = all(o >= 3 * d for o, d in zip(out, dilation, strict=True))
    many = min(c, k) >= (16 if max(dilation) > 1 else 8) and c * k >= 96
    return algorithm.asked == "winograd" or (many and large)


def _phases(size: Pair, dilation: Pair) -> Iterator[Any]:
    """Where the pixels lie that a dilated filter joins: one index of images for each phase."""
    rows, columns = ([slice(i, None, d) for i in range(min(d, s))] for s, d in zip(size, dilation, strict=True))
    return ((..., *phase) for phase in itertools.product(rows, columns))


def _padded(x: Array, padding: Pair) -> Array:
    return np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))


def _tiles(x: Array, size: int, out: Pair) -> Array:
    """(n, c, tiles down, tiles across, size, size): what each 4 x 4 outputs see, zeros beyond the image."""
    count = [-(-o // 4) for o in out]
    ends = [max(0, 4 * (m - 1) + size - s) for m, s in zip(count, x.shape[2:], strict=True)]
    view = sliding_window_view(np.pad(x, ((0, 0), (0, 0), *((0, end) for end in ends))), (size, size), axis=(2, 3))
    return view[:, :, : 4 * count[0] : 4, : 4 * count[1] : 4]


def _between(left: Array, x: Array) -> Array:
    """left x left^T, for the last two axes of x."""
    return left @ x @ left.T


def _products(x: Array, w: Array) -> Array:
    """Transformed tiles (n, c, ...) and filters (k, c, ...): their products, summed over c."""
    return np.einsum("ncijpq,kcpq->nkijpq", x, w, optimize=True)


def convolve(x: Array, w: Array, padding: Pair, dilation: Pair, matrices: tuple[Array, Array, Array]) -> Array:
    """(n, c, h, w) and (k, c, 3, 3) -> (n, k, out_h, out_w): by whichever covers the images with fewer tiles."""
    size = (x.shape[2], x.shape[3])
    reach = (2 * dilation[0], 2 * dilation[1])
    out = (size[0] + 2 * padding[0] - reach[0], size[1] + 2 * padding[1] - reach[1])
    if _count(size, dilation) < _count(out, dilation):
        y = np.zeros((len(x), len(w), size[0] + reach[0], size[1] + reach[1]))
        for phase in _phases(size, dilation):
            y[phase] = _scatter(x[phase], w, matrices)
        return y[:, :, reach[0] - padding[0] :, reach[1] - padding[1] :][:, :, : out[0], : out[1]]
    y, padded = np.zeros((len(x), len(w), *out)), _padded(x, padding)
    for phase in _phases(out, dilation):
        y[phase] = _gather(padded[phase], w, matrices)
    return y


def _count(size: Pair, dilation: Pair) -> int:
    """Tiles of 4 x 4 that cover the phases of an image."""
    down, across = (s // (4 * d) * d + min(d, s % (4 * d)) for s, d in zip(size, dilation, strict=True))
    return down * across


def _gather(x: Array, w: Array, matrices: tuple[Array, Array, Array]) -> Array:
    """Of one phase: 6 x 6 inputs make 4 x 4 outputs."""
    a, b, g = matrices
    out = (x.shape[2] - 2, x.shape[3] - 2)
    y = _between(a.T, _products(_between(b.T, _tiles(x, 6, out)), _between(g, w)))
    n, k, down, across = y.shape[:4]
    return y.transpose(0, 1, 2, 4, 3, 5).reshape(n, k, 4 * down, 4 * across)[:, :, : out[0], : out[1]]


def _scatter(x: Array, w: Array, matrices: tuple[Array, Array, Array]) -> Array:
    """All that one phase gives to, as the transpose of the convolution with the filters turned round: 4 x 4 inputs add to
    6 x 6 outputs."""
    a, b, g = matrices
    tiles = _between(a, _tiles(x, 4, (x.shape[2], x.shape[3])))
    parts = _between(b, _products(tiles, _between(g, w[:, :, ::-1, ::-1])))
    n, k, down, across = parts.shape[:4]
    y = np.zeros((n, k, 4 * down + 2, 4 * across + 2))
    for i in range(6):
        for j in range(6):
            y[:, :, i : i + 4 * down : 4, j : j + 4 * across : 4] += parts[..., i, j]
    return y[:, :, : x.shape[2] + 2, : x.shape[3] + 2]


def filter_gradient(dy: Array, x: Array, padding: Pair, dilation: Pair, matrices: tuple[Array, Array, Array]) -> Array:
    """The gradient of sum(dy y) in w: (n, k, out_h, out_w) and (n, c, h, w) -> (k, c, 3, 3)."""
    a, b, g = matrices
    sums, padded = np.zeros((dy.shape[1], x.shape[1], 6, 6)), _padded(x, padding)
    for phase in _phases((dy.shape[2], dy.shape[3]), dilation):
        out = (dy[phase].shape[2], dy[phase].shape[3])
        seen, given = _between(b.T, _tiles(padded[phase], 6, out)), _between(a, _tiles(dy[phase], 4, out))
        sums += np.einsum("nkijpq,ncijpq->kcpq", given, seen, optimize=True)
    return _between(g.T, sums)


def forward_bound(eps: float, x: Array, w: Array, padding: Pair, dilation: Pair, groups: int) -> Array:
    """|error| of the convolution, without what the bias adds."""
    parts = zip(np.split(np.abs(x), groups, axis=1), np.split(np.abs(w), groups), strict=True)
    sizes = [convolve(part, filters, padding, dilation, SIZES) for part, filters in parts]
    return (w.shape[1] + FORWARD_ROUNDINGS) * eps * np.concatenate(sizes, axis=1)


def input_bound(eps: float, dy: Array, w: Array, padding: Pair, dilation: Pair, groups: int) -> Array:
    """|error| of the gradient in x: a convolution of dy with the filters turned round."""
    turned = np.concatenate([part[:, :, ::-1, ::-1].transpose(1, 0, 2, 3) for part in np.split(w, groups)])
    return forward_bound(
        eps, dy, turned, (2 * dilation[0] - padding[0], 2 * dilation[1] - padding[1]), dilation, groups
    )


def filter_bound(eps: float, dy: Array, x: Array, padding: Pair, dilation: Pair, groups: int) -> Array:
    """|error| of the gradient in w."""
    tiles = dy.shape[0] * _count((dy.shape[2], dy.shape[3]), dilation)
    parts = zip(np.split(np.abs(dy), groups, axis=1), np.split(np.abs(x), groups, axis=1), strict=True)
    sizes = [filter_gradient(given, seen, padding, dilation, SIZES) for given, seen in parts]
    return (tiles + FILTER_ROUNDINGS) * eps * np.concatenate(sizes)
