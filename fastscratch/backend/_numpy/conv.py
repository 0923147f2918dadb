"""Convolution and its gradients, by columns: each output pixel's window written out, then one matrix product."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..bounds import bounded

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]


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


def _forward_bound(eps: float, y: Array, x: Array, w: Array, b: Array | None, *geometry: Any) -> Array:
    size = conv2d_forward(np.abs(x), np.abs(w), None if b is None else np.abs(b), *geometry)
    return (w[0].size + 3) * eps * size


def _backward_bound(eps: float, y: Any, dy: Array, x: Array, w: Array, *rest: Any) -> Any:
    """Each gradient is a sum of products: for dx over the filters and their elements, for dw and db over the pixels."""
    size = conv2d_backward(np.abs(dy), np.abs(x), np.abs(w), *rest)
    pixels = dy.shape[0] * dy.shape[2] * dy.shape[3]
    terms = (w.shape[0] * w.shape[2] * w.shape[3], pixels, pixels)
    return tuple(None if part is None else (count + 2) * eps * part for part, count in zip(size, terms, strict=True))


@bounded(_forward_bound)
def conv2d_forward(
    x: Array, w: Array, b: Array | None, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    """(n, c, h, w) and filters (k, c / groups, r, s) -> (n, k, out_h, out_w), channels-last in memory."""
    columns = _columns(x, w, stride, padding, dilation, groups)
    y = np.matmul(columns, _filters(w, groups).transpose(0, 2, 1))
    out_h, out_w = (
        (x.shape[i + 2] + 2 * padding[i] - dilation[i] * (w.shape[i + 2] - 1) - 1) // stride[i] + 1 for i in (0, 1)
    )
    pixels = y.transpose(1, 0, 2).reshape(x.shape[0], out_h, out_w, w.shape[0])
    return (pixels if b is None else pixels + b).transpose(0, 3, 1, 2)


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
) -> tuple[Array | None, Array | None, Array | None]:
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
