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

# Roundings on the way of one term, beside those of the sum over channels or tiles: in both dimensions of each transform,
# with the rounded constants of G, and one for all products of two roundings.
FORWARD_ROUNDINGS = 4 + 8 + 6 + 2
FILTER_ROUNDINGS = 4 + 4 + 10 + 1


def applies(
    eps: float, c: int, k: int, out: Pair, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> bool:
    """Do the C kernels convolve c channels with k filters of this size in this way? The rule of csrc/winograd.c."""
    single = eps == np.finfo(np.float32).eps / 2
    plain = stride == dilation == (1, 1) and groups == 1 and size == (3, 3) and max(padding) < 3 and min(padding) >= 0
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


def convolve(x: Array, w: Array, padding: Pair, matrices: tuple[Array, Array, Array]) -> Array:
    """(n, c, h, w) and (k, c, 3, 3) -> (n, k, out_h, out_w)."""
    a, b, g = matrices
    out_h, out_w = (x.shape[i + 2] + 2 * padding[i] - 2 for i in (0, 1))
    seen = _between(b.T, _tiles(x, 6, padding, (out_h, out_w)))
    products = np.einsum("ncijpq,kcpq->nkijpq", seen, _between(g, w), optimize=True)
    y = _between(a.T, products).transpose(0, 1, 2, 4, 3, 5)
    n, k, down, _, across, _ = y.shape
    return y.reshape(n, k, 4 * down, 4 * across)[:, :, :out_h, :out_w]


def filter_gradient(dy: Array, x: Array, padding: Pair, matrices: tuple[Array, Array, Array]) -> Array:
    """The gradient of sum(dy y) in w: (n, k, out_h, out_w) and (n, c, h, w) -> (k, c, 3, 3)."""
    a, b, g = matrices
    out = (dy.shape[2], dy.shape[3])
    seen, given = _between(b.T, _tiles(x, 6, padding, out)), _between(a, _tiles(dy, 4, (0, 0), out))
    return _between(g.T, np.einsum("nkijpq,ncijpq->kcpq", given, seen, optimize=True))


def forward_bound(eps: float, x: Array, w: Array, padding: Pair) -> Array:
    """|error| of the convolution, without what the bias adds."""
    return (w.shape[1] + FORWARD_ROUNDINGS) * eps * convolve(np.abs(x), np.abs(w), padding, SIZES)


def input_bound(eps: float, dy: Array, w: Array, padding: Pair) -> Array:
    """|error| of the gradient in x: a convolution of dy with the filters turned round."""
    turned = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    return forward_bound(eps, dy, turned, (2 - padding[0], 2 - padding[1]))


def filter_bound(eps: float, dy: Array, x: Array, padding: Pair) -> Array:
    """|error| of the gradient in w."""
    tiles = dy.shape[0] * -(-dy.shape[2] // 4) * -(-dy.shape[3] // 4)
    return (tiles + FILTER_ROUNDINGS) * eps * filter_gradient(np.abs(dy), np.abs(x), padding, SIZES)
