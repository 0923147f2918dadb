"""Pooling: the largest or the mean of each window, and the gradients. Results lie in memory channels-last."""

import math
from typing import Any

import numpy as np

from ..bounds import bounded, exact
from ..order import gives, images

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]


def _count(size: int, kernel: int, stride: int, pad: int, dilation: int, ceil_mode: bool) -> int:
    """How many windows fit; with ceil_mode, the last may stick out if it begins inside the image or its left padding."""
    room = size + 2 * pad - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= size + pad else count


def _counts(shape: Any, kernel: Pair, stride: Pair, pad: Pair, dilation: Pair, ceil_mode: bool) -> Pair:
    h, w = (_count(shape[i + 2], kernel[i], stride[i], pad[i], dilation[i], ceil_mode) for i in (0, 1))
    return h, w


def _padded(x: Array, out: Pair, kernel: Pair, stride: Pair, pad: Pair, dilation: Pair, fill: float) -> Array:
    """x with so much around it that every window lies inside."""
    reach = [stride[i] * (out[i] - 1) + dilation[i] * (kernel[i] - 1) + 1 for i in (0, 1)]
    after = [max(0, reach[i] - pad[i] - x.shape[i + 2]) for i in (0, 1)]
    return np.pad(x, ((0, 0), (0, 0), (pad[0], after[0]), (pad[1], after[1])), constant_values=fill)


def _tap(i: int, out: int, stride: int, dilation: int) -> slice:
    """Where tap i of every window lies along one axis."""
    return slice(i * dilation, i * dilation + stride * (out - 1) + 1, stride)


def _channels_last(x: Array) -> Array:
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def _first_inside(size: int, out: int, stride: int, pad: int, dilation: int) -> Array:
    """The first position of each window that lies in the image."""
    start = np.arange(out) * stride - pad
    return np.where(start < 0, start + -(start // dilation) * dilation, start)


@bounded(exact)
@gives(images)
def max_pool2d_forward(
    x: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> tuple[Array, Array]:
    """The largest of each window and its h * w + w in the input (int32): the first of equals, the last NaN if any."""
    width = x.shape[3]
    out_h, out_w = _counts(x.shape, kernel, stride, padding, dilation, ceil_mode)
    padded = _padded(x, (out_h, out_w), kernel, stride, padding, dilation, -math.inf)
    y = np.full((*x.shape[:2], out_h, out_w), -math.inf, x.dtype)
    top = _first_inside(x.shape[2], out_h, stride[0], padding[0], dilation[0])[:, None]
    left = _first_inside(width, out_w, stride[1], padding[1], dilation[1])
    inside = (top < x.shape[2]) & (left < width)
    index = np.broadcast_to(np.where(inside, top * width + left, -1), y.shape)
    rows, columns = np.arange(out_h)[:, None] * stride[0] - padding[0], np.arange(out_w) * stride[1] - padding[1]
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            value = padded[:, :, _tap(i, out_h, stride[0], dilation[0]), _tap(j, out_w, stride[1], dilation[1])]
            better = (value > y) | np.isnan(value)
            y = np.where(better, value, y)
            index = np.where(better, (rows + i * dilation[0]) * width + columns + j * dilation[1], index)
    return _channels_last(y), _channels_last(index.astype(np.int32))


def _scatter(dy: Array, argmax: Array, input_shape: tuple[int, ...]) -> Array:
    n, c, h, w = input_shape
    dx = np.zeros((n, h * w, c), dy.dtype)
    images, channels = np.arange(n)[:, None, None, None], np.arange(c)[:, None, None]
    taken = argmax >= 0  # -1 is an empty window
    where = tuple(np.broadcast_to(a, argmax.shape)[taken] for a in (images, argmax, channels))
    np.add.at(dx, where, dy[taken])
    return dx.reshape(n, h, w, c).transpose(0, 3, 1, 2)


def _scatter_bound(eps: float, dx: Array, dy: Array, argmax: Array, input_shape: tuple[int, ...]) -> Array:
    """A sum of t numbers is t - 1 roundings away from the truth; one number is exact."""
    terms = _scatter(np.ones(dy.shape), argmax, input_shape)
    return np.maximum(terms - 1, 0) * eps * _scatter(np.abs(dy), argmax, input_shape)


@bounded(_scatter_bound)
def max_pool2d_backward(dy: Array, argmax: Array, input_shape: tuple[int, ...]) -> Array:
    """dy, each element added where its maximum was taken from."""
    return _scatter(dy, argmax, input_shape)


def _in_block(out: Pair, kernel: Pair, width: int) -> tuple[Array, Array]:
    """h * width + w of the first element of each block, and of each tap after it, row by row."""
    (rows, columns), (i, j) = (np.indices(size) for size in (out, kernel))
    return rows * kernel[0] * width + columns * kernel[1], (i * width + j).ravel()


@bounded(exact)
@gives(images)
def max_pool2d_blocks_forward(x: Array, kernel: Pair) -> tuple[Array, Array]:
    """The largest of each block (stride = kernel), and the number of the tap that it was taken from (uint8)."""
    y, argmax = max_pool2d_forward(x, kernel, kernel, (0, 0), (1, 1), False)
    first, taps = _in_block(y.shape[2:], kernel, x.shape[3])
    code = (argmax - first)[..., None] == taps
    return y, _channels_last(code.argmax(-1).astype(np.uint8))


@bounded(exact)
def max_pool2d_blocks_backward(dy: Array, code: Array, input_shape: tuple[int, ...], kernel: Pair) -> Array:
    """dy, put where its maximum was taken from."""
    first, taps = _in_block(dy.shape[2:], kernel, input_shape[3])
    return _scatter(dy, first + taps[code], input_shape)


def _divisors(
    shape: Any, kernel: Pair, stride: Pair, padding: Pair, ceil_mode: bool, include_pad: bool, override: int | None
) -> Any:
    """What the sum of each window is divided by: (out_h, out_w), or one number."""
    if override is not None:
        return override
    sizes = []
    for i, out in enumerate(_counts(shape, kernel, stride, padding, (1, 1), ceil_mode)):
        start = np.arange(out) * stride[i] - padding[i]
        end = np.minimum(start + kernel[i], shape[i + 2] + padding[i])
        sizes.append(end - start if include_pad else np.minimum(end, shape[i + 2]) - np.maximum(start, 0))
    return np.multiply.outer(*sizes)


def _avg_bound(eps: float, y: Array, x: Array, kernel: Pair, *rest: Any) -> Array:
    return (kernel[0] * kernel[1] + 1) * eps * np.abs(avg_pool2d_forward(np.abs(x), kernel, *rest))


def _avg_backward_bound(eps: float, dx: Array, dy: Array, input_shape: Any, kernel: Pair, *rest: Any) -> Array:
    size = avg_pool2d_backward(np.abs(dy), input_shape, kernel, *rest)
    return (kernel[0] * kernel[1] + 1) * eps * np.abs(size)


@bounded(_avg_bound)
@gives(images)
def avg_pool2d_forward(
    x: Array,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """The sum of each window / how many it covers (with or without padding), or / divisor_override."""
    out_h, out_w = _counts(x.shape, kernel, stride, padding, (1, 1), ceil_mode)
    padded = _padded(x, (out_h, out_w), kernel, stride, padding, (1, 1), 0.0)
    y = np.zeros((*x.shape[:2], out_h, out_w), x.dtype)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            y += padded[:, :, _tap(i, out_h, stride[0], 1), _tap(j, out_w, stride[1], 1)]
    y /= _divisors(x.shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return _channels_last(y)


@bounded(_avg_backward_bound)
def avg_pool2d_backward(
    dy: Array,
    input_shape: tuple[int, ...],
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """dy / divisor, added to every element of its window."""
    out_h, out_w = dy.shape[2:]
    divisors = _divisors(input_shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)
    share = (dy / divisors).astype(dy.dtype, copy=False)
    h, w = input_shape[2:]
    dx = _padded(np.zeros(input_shape, dy.dtype), (out_h, out_w), kernel, stride, padding, (1, 1), 0.0)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            dx[:, :, _tap(i, out_h, stride[0], 1), _tap(j, out_w, stride[1], 1)] += share
    return _channels_last(dx[:, :, padding[0] : padding[0] + h, padding[1] : padding[1] + w])


def _shares(size: int, out: int) -> list[slice]:
    """The adaptive windows along one axis: from floor(i size / out) up to ceil((i + 1) size / out)."""
    return [slice(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


def _adaptive_bound(eps: float, y: Array, x: Array, output_size: Pair) -> Array:
    taps = math.prod(x.shape[i + 2] // max(1, output_size[i]) + 2 for i in (0, 1))
    return (taps + 1) * eps * adaptive_avg_pool2d_forward(np.abs(x), output_size)


def _adaptive_backward_bound(eps: float, dx: Array, dy: Array, input_shape: tuple[int, ...]) -> Array:
    terms = math.prod(dy.shape[i] // input_shape[i] + 2 for i in (2, 3))
    return (terms + 1) * eps * adaptive_avg_pool2d_backward(np.abs(dy), input_shape)


@bounded(_adaptive_bound)
@gives(images)
def adaptive_avg_pool2d_forward(x: Array, output_size: Pair) -> Array:
    """The mean of each of output_size shares of the image, which overlap where they do not divide it."""
    n, c, h, w = x.shape
    y = np.zeros((n, output_size[0], output_size[1], c), x.dtype).transpose(0, 3, 1, 2)
    for i, rows in enumerate(_shares(h, output_size[0])):
        for j, columns in enumerate(_shares(w, output_size[1])):
            y[:, :, i, j] = x[:, :, rows, columns].mean(axis=(2, 3))
    return y


@bounded(_adaptive_backward_bound)
def adaptive_avg_pool2d_backward(dy: Array, input_shape: tuple[int, ...]) -> Array:
    """dy / the size of its share, added to every element of it."""
    n, c, h, w = input_shape
    dx = np.zeros((n, h, w, c), dy.dtype).transpose(0, 3, 1, 2)
    for i, rows in enumerate(_shares(h, dy.shape[2])):
        for j, columns in enumerate(_shares(w, dy.shape[3])):
            share = dx[:, :, rows, columns]
            share += dy[:, :, i : i + 1, j : j + 1] / (share.shape[2] * share.shape[3])
    return dx
