"""Winograd's F(4x4, 3x3): when the C kernels use it, and how far from the truth it may be.

Of each 6 x 6 tile of the input come 4 x 4 outputs, y = A^T [(G w G^T) * (B^T x B)] A, summed over channels inside the
brackets. With absolute values in place of the numbers and the matrices, the same formula is the size that the rounding
errors have to be compared with: each of them passes through the rest of the transforms. It is larger than the sum of
|w| |x|, by up to 256, and spreads over the tile: the error of an element is small beside its neighbours, not beside itself.

A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016.
B. Barabasz, A. Anderson, K. Soodhalter and D. Gregg, Error Analysis and Improving the Accuracy of Winograd Convolution for
Deep Neural Networks, ACM TOMS 46(4), 2020.
"""

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
    plain = stride == dilation == (1, 1) and size == (3, 3) and max(padding) < 3 and min(padding) >= 0
    if not (single and plain) or algorithm.asked in ("direct", "im2col"):
        return False
    return algorithm.asked == "winograd" or (c >= 8 and k >= 8 and min(out) >= 3)


def _tiles(x: Array, size: int, padding: Pair, out: Pair) -> Array:
    """(n, c, tiles down, tiles across, size, size): what each 4 x 4 outputs see, zeros outside the image."""
    count = [-(-o // 4) for o in out]
    ends = [4 * (m - 1) + size - p - s for m, p, s in zip(count, padding, x.shape[2:], strict=True)]
    room = [(p, max(0, end)) for p, end in zip(padding, ends, strict=True)]
    view = sliding_window_view(np.pad(x, ((0, 0), (0, 0), *room)), (size, size), axis=(2, 3))
    return view[:, :, : 4 * count[0] : 4, : 4 * count[1] : 4]


def _between(left: Array, x: Array) -> Array:
    """left x left^T, for the last two axes of x."""
    return left @ x @ left.T


def _products(x: Array, w: Array) -> Array:
    """Transformed tiles (n, c, ...) and filters (k, c, ...): their products, summed over c."""
    return np.einsum("ncijpq,kcpq->nkijpq", x, w, optimize=True)


def convolve(x: Array, w: Array, padding: Pair, matrices: tuple[Array, Array, Array]) -> Array:
    """(n, c, h, w) and (k, c, 3, 3) -> (n, k, out_h, out_w): by whichever covers the images with fewer tiles."""
    a, b, g = matrices
    size = (x.shape[2], x.shape[3])
    out = (size[0] + 2 * padding[0] - 2, size[1] + 2 * padding[1] - 2)
    if _count(size) < _count(out):
        return _scatter(x, w, padding, out, matrices)
    y = _between(a.T, _products(_between(b.T, _tiles(x, 6, padding, out)), _between(g, w)))
    n, k, down, across = y.shape[:4]
    return y.transpose(0, 1, 2, 4, 3, 5).reshape(n, k, 4 * down, 4 * across)[:, :, : out[0], : out[1]]


def _count(size: Pair) -> int:
    """Tiles of 4 x 4 that cover an image."""
    return -(-size[0] // 4) * -(-size[1] // 4)


def _scatter(x: Array, w: Array, padding: Pair, out: Pair, matrices: tuple[Array, Array, Array]) -> Array:
    """The same as the transpose of the convolution with the filters turned round: 4 x 4 inputs add to 6 x 6 outputs."""
    a, b, g = matrices
    tiles = _between(a, _tiles(x, 4, (0, 0), (x.shape[2], x.shape[3])))
    parts = _between(b, _products(tiles, _between(g, w[:, :, ::-1, ::-1])))
    n, k, down, across = parts.shape[:4]
    y = np.zeros((n, k, 4 * down + 2, 4 * across + 2))
    for i in range(6):
        for j in range(6):
            y[:, :, i : i + 4 * down : 4, j : j + 4 * across : 4] += parts[..., i, j]
    return y[:, :, 2 - padding[0] :, 2 - padding[1] :][:, :, : out[0], : out[1]]


def filter_gradient(dy: Array, x: Array, padding: Pair, matrices: tuple[Array, Array, Array]) -> Array:
    """The gradient of sum(dy y) in w: (n, k, out_h, out_w) and (n, c, h, w) -> (k, c, 3, 3)."""
    a, b, g = matrices
    out = (dy.shape[2], dy.shape[3])
    seen, given = _between(b.T, _tiles(x, 6, padding, out)), _between(a, _tiles(dy, 4, (0, 0), out))
    return _between(g.T, np.einsum("nkijpq,ncijpq->kcpq", given, seen, optimize=True))


def forward_bound(eps: float, x: Array, w: Array, padding: Pair, groups: int) -> Array:
    """|error| of the convolution, without what the bias adds."""
    parts = zip(np.split(np.abs(x), groups, axis=1), np.split(np.abs(w), groups), strict=True)
    sizes = [convolve(part, filters, padding, SIZES) for part, filters in parts]
    return (w.shape[1] + FORWARD_ROUNDINGS) * eps * np.concatenate(sizes, axis=1)


def input_bound(eps: float, dy: Array, w: Array, padding: Pair, groups: int) -> Array:
    """|error| of the gradient in x: a convolution of dy with the filters turned round."""
    turned = np.concatenate([part[:, :, ::-1, ::-1].transpose(1, 0, 2, 3) for part in np.split(w, groups)])
    return forward_bound(eps, dy, turned, (2 - padding[0], 2 - padding[1]), groups)


def filter_bound(eps: float, dy: Array, x: Array, padding: Pair, groups: int) -> Array:
    """|error| of the gradient in w."""
    tiles = dy.shape[0] * _count((dy.shape[2], dy.shape[3]))
    parts = zip(np.split(np.abs(dy), groups, axis=1), np.split(np.abs(x), groups, axis=1), strict=True)
    sizes = [filter_gradient(given, seen, padding, SIZES) for given, seen in parts]
    return (tiles + FILTER_ROUNDINGS) * eps * np.concatenate(sizes)
