"""Convolution and its gradients, by columns: each output pixel's window written out, then one matrix product.

Alone, and with a pool of blocks that do not overlap.
"""

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..bounds import bounded
from ..order import gives, images
from . import winograd

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]
Gradients = tuple[Array | None, Array | None, Array | None]

DEAD = 255  # the code of a block in which relu has let nothing through


def _out_size(x: Array, w: Array, stride: Pair, padding: Pair, dilation: Pair) -> Pair:
    room = (x.shape[i + 2] + 2 * padding[i] - dilation[i] * (w.shape[i + 2] - 1) - 1 for i in (0, 1))
    out_h, out_w = (size // step + 1 for size, step in zip(room, stride, strict=True))
    return out_h, out_w


def _windows(x: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Array:
    """A view (n, c, out_h, out_w, r, s) of x, padded with zeros: what each output pixel sees."""
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0], padding[0]), (padding[1], padding[1])))
    reach = tuple(d * (f - 1) + 1 for d, f in zip(dilation, size, strict=True))
    view = sliding_window_view(padded, reach, axis=(2, 3))
    return view[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def _columns(x: Array, w: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
    """(groups, pixels, c / groups * r * s): a row for each output pixel of the batch."""
    windows = _windows(x, (w.shape[2], w.shape[3]), stride, padding, dilation)
    n, c, out_h, out_w, r, s = windows.shape
    grouped = windows.reshape(n, groups, c // groups, out_h, out_w, r, s).transpose(1, 0, 3, 4, 2, 5, 6)
    return grouped.reshape(groups, n * out_h * out_w, c // groups * r * s)


def _filters(w: Array, groups: int) -> Array:
    """(groups, k / groups, c / groups * r * s)."""
    return w.reshape(groups, w.shape[0] // groups, w.shape[1] * w.shape[2] * w.shape[3])


def _by_group(y: Array, groups: int) -> Array:
    """(n, k, h, w) -> (groups, pixels, k / groups)."""
    n, k, h, w = y.shape
    return y.transpose(0, 2, 3, 1).reshape(n * h * w, groups, k // groups).transpose(1, 0, 2)


def _add_back(columns: Array, x: Array, w: Array, y: Array, stride: Pair, padding: Pair, dilation: Pair) -> Array:
    """The transpose of _columns: the sum, at each input pixel, of the columns that saw it; channels-last in memory."""
    (n, c, height, width), (out_h, out_w), (r, s) = x.shape, y.shape[2:], w.shape[2:]
    groups = columns.shape[0]
    parts = columns.reshape(groups, n, out_h, out_w, c // groups, r, s).transpose(1, 2, 3, 0, 4, 5, 6)
    padded = np.zeros((n, height + 2 * padding[0], width + 2 * padding[1], groups, c // groups), columns.dtype)
    for i in range(r):
        for j in range(s):
            top, left = i * dilation[0], j * dilation[1]
            rows = slice(top, top + stride[0] * (out_h - 1) + 1, stride[0])
            across = slice(left, left + stride[1] * (out_w - 1) + 1, stride[1])
            padded[:, rows, across] += parts[..., i, j]
    inner = padded[:, padding[0] : padding[0] + height, padding[1] : padding[1] + width]
    return np.ascontiguousarray(inner).reshape(n, height, width, c).transpose(0, 3, 1, 2)


def _either(direct: Array, tiles: Array) -> Array:
    """Where Winograd's bound is not finite, neither is the input, and the direct kernel computes."""
    return np.where(np.isfinite(tiles), np.maximum(direct, tiles), direct)


def _forward_bound(
    eps: float,
    y: Array,
    x: Array,
    w: Array,
    b: Array | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    relu: bool,
) -> Array:
    """relu brings no two numbers further apart."""
    size = conv2d_forward(
        np.abs(x), np.abs(w), None if b is None else np.abs(b), stride, padding, dilation, groups, False
    )
    bound = (math.prod(w.shape[1:]) + 3) * eps * size
    shape = (w.shape[1], w.shape[0] // groups, _out_size(x, w, stride, padding, dilation), w.shape[2:])
    if winograd.applies(eps, *shape, stride, padding, dilation):
        bias = 0.0 if b is None else eps * np.abs(b)[:, None, None]
        bound = _either(bound, winograd.forward_bound(eps, x, w, padding, dilation, groups) + bias)
    return bound


def _backward_bound(eps: float, y: Any, dy: Array, x: Array, w: Array, *rest: Any) -> Any:
    """Each gradient is a sum of products: for dx over the filters and their elements, for dw and db over the pixels."""
    size = conv2d_backward(np.abs(dy), np.abs(x), np.abs(w), *rest)
    pixels = dy.shape[0] * dy.shape[2] * dy.shape[3]
    terms = (w.shape[0] * w.shape[2] * w.shape[3], pixels, pixels)
    dx, dw, db = (None if part is None else (n + 2) * eps * part for part, n in zip(size, terms, strict=True))
    stride, padding, dilation, groups = rest[:4]
    turned = (2 * dilation[0] - padding[0], 2 * dilation[1] - padding[1])
    c, k = w.shape[1], w.shape[0] // groups
    if dx is not None and winograd.applies(eps, k, c, x.shape[2:], w.shape[2:], stride, turned, dilation):
        dx = _either(dx, winograd.input_bound(eps, dy, w, padding, dilation, groups))
    if dw is not None and winograd.applies(eps, c, k, dy.shape[2:], w.shape[2:], stride, padding, dilation):
        dw = _either(dw, winograd.filter_bound(eps, dy, x, padding, dilation, groups))
    return dx, dw, db


@bounded(_forward_bound)
@gives(images)
def conv2d_forward(
    x: Array, w: Array, b: Array | None, stride: Pair, padding: Pair, dilation: Pair, groups: int, relu: bool
) -> Array:
    """(n, c, h, w) and filters (k, c / groups, r, s) -> (n, k, out_h, out_w), channels-last in memory."""
    columns = _columns(x, w, stride, padding, dilation, groups)
    y = np.matmul(columns, _filters(w, groups).transpose(0, 2, 1))
    out_h, out_w = _out_size(x, w, stride, padding, dilation)
    pixels = np.ascontiguousarray(y.transpose(1, 0, 2)).reshape(x.shape[0], out_h, out_w, w.shape[0])
    if b is not None:
        pixels = pixels + b
    return (np.maximum(pixels, 0) if relu else pixels).transpose(0, 3, 1, 2)


@bounded(_backward_bound)
def conv2d_backward(
    dy: Array,
    x: Array,
    w: Array,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    need_x: bool,
    need_w: bool,
    need_b: bool,
) -> Gradients:
    """dx = the columns dy w, added back; dw = dyT columns; db = the sum of dy over images and pixels."""
    rows = _by_group(dy, groups)
    dx = dw = db = None
    if need_x:
        dx = _add_back(np.matmul(rows, _filters(w, groups)), x, w, dy, stride, padding, dilation)
    if need_w:
        columns = _columns(x, w, stride, padding, dilation, groups)
        dw = np.matmul(rows.transpose(0, 2, 1), columns).reshape(w.shape)
    if need_b:
        db = dy.sum(axis=(0, 2, 3))
    return dx, dw, db


def _relu_bound(eps: float, y: Any, dy: Array, value: Array, *rest: Any) -> Any:
    return _backward_bound(eps, y, np.where(value <= 0, 0, dy), *rest)


@bounded(_relu_bound)
def conv2d_relu_backward(
    dy: Array,
    y: Array,
    x: Array,
    w: Array,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    need_x: bool,
    need_w: bool,
    need_b: bool,
) -> Gradients:
    """The gradients of y = relu(conv2d(x, w, b))."""
    masked = np.where(y <= 0, 0, dy).astype(dy.dtype, copy=False)
    return conv2d_backward(masked, x, w, stride, padding, dilation, groups, need_x, need_w, need_b)


def _blocks(z: Array, window: Pair) -> Array:
    """A view (window_h * window_w, n, k, h, w): the elements of each block, row by row; what is left over is cut off."""
    h, w = z.shape[2] // window[0], z.shape[3] // window[1]
    taps = [z[:, :, i : h * window[0] : window[0], j : w * window[1] : window[1]] for i in range(window[0])
            for j in range(window[1])]  # fmt: skip
    return np.stack(taps)


def _pool_bound(eps: float, results: Any, x: Array, w: Array, b: Array | None, *rest: Any) -> Any:
    """A code may be another where rounding may have changed which element is the largest, or whether it is positive."""
    geometry, window, relu = (rest[0], rest[1], rest[2], rest[3]), rest[4], rest[5]
    z = _blocks(conv2d_forward(x, w, b, *geometry, False), window)
    error = _blocks(_forward_bound(eps, z, x, w, b, *geometry, False), window)
    highest, lowest = (z + error).max(axis=0), (z - error).max(axis=0)
    unsure = ((z + error >= lowest).sum(axis=0) > 1) | (bool(relu) & (highest > 0) & (lowest <= 0))
    unsure &= ~(bool(relu) & (highest <= 0))
    unsure |= ~(np.isfinite(z) & np.isfinite(error)).all(axis=0)
    return error.max(axis=0), np.where(unsure, DEAD, 0)


@bounded(_pool_bound)
@gives(images)
def conv2d_pool_forward(
    x: Array,
    w: Array,
    b: Array | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    window: Pair,
    relu: bool,
) -> tuple[Array, Array]:
    """The largest of each block of window pixels of the convolution, and its place in the block (uint8): the first of
    equals, the last NaN if there is one. With relu, 0 and 255 where nothing in the block is positive."""
    z = _blocks(conv2d_forward(x, w, b, stride, padding, dilation, groups, False), window)
    y, code = z[0].copy(), np.zeros(z.shape[1:], np.uint8)
    for tap in range(1, len(z)):
        better = (z[tap] > y) | np.isnan(z[tap])
        y = np.where(better, z[tap], y)
        code[better] = tap
    if relu:
        dead = y <= 0
        y[dead] = 0
        code[dead] = DEAD
    return tuple(np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) for a in (y, code))  # type: ignore[return-value]


def _unpool(dy: Array, code: Array, shape: tuple[int, ...], window: Pair) -> Array:
    """Zeros of this shape, with dy where code says."""
    z = np.zeros(shape, dy.dtype)
    h, w = dy.shape[2] * window[0], dy.shape[3] * window[1]
    for tap in range(window[0] * window[1]):
        i, j = divmod(tap, window[1])
        z[:, :, i : h : window[0], j : w : window[1]] = np.where(code == tap, dy, 0)
    return z


def _unpooled(
    dy: Array, code: Array, x: Array, w: Array, stride: Pair, padding: Pair, dilation: Pair, window: Pair
) -> Array:
    return _unpool(dy, code, (x.shape[0], w.shape[0], *_out_size(x, w, stride, padding, dilation)), window)


def _pool_backward_bound(
    eps: float,
    y: Any,
    dy: Array,
    code: Array,
    x: Array,
    w: Array,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    window: Pair,
    *needs: bool,
) -> Any:
    z = _unpooled(dy, code, x, w, stride, padding, dilation, window)
    return _backward_bound(eps, y, z, x, w, stride, padding, dilation, groups, *needs)


@bounded(_pool_backward_bound)
def conv2d_pool_backward(
    dy: Array,
    code: Array,
    x: Array,
    w: Array,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    window: Pair,
    need_x: bool,
    need_w: bool,
    need_b: bool,
) -> Gradients:
    """The gradients of conv2d_pool_forward's y: those of the convolution, for dy put where code says."""
    z = _unpooled(dy, code, x, w, stride, padding, dilation, window)
    return conv2d_backward(z, x, w, stride, padding, dilation, groups, need_x, need_w, need_b)
