"""Pooling over one and two axes, with PyTorch's functional signatures."""

import operator
from typing import Any

from .. import backend
from ..tensor import Tensor, record, wrap
from .windows import Pair, as_images, by_shape, from_images, need_at_least, need_images, pair_of

__all__ = ["adaptive_avg_pool1d", "avg_pool1d", "max_pool1d", "max_pool2d"]

Shape = tuple[int, ...]


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value of each window.

    y[n,c,i,j] = max_{r,s} x[n, c, i stride + r dilation - padding, j stride + s dilation - padding], over what lies inside.

    Parameters
    ----------
    input : Tensor, shape (N, C, H, W) or (C, H, W)
    kernel_size : int or (int, int)
    stride : int or (int, int), optional
        kernel_size if not given.
    padding : int or (int, int)
        At most half of kernel_size; never the largest.
    dilation : int or (int, int)
    ceil_mode : bool
        Let the last window stick out, if it begins inside.
    return_indices : bool
        Return (y, indices), where indices (int64) are h * W + w of each maximum in its plane of the input.

    Returns
    -------
    Tensor, shape (N, C, out_h, out_w), out = floor((in + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1

    Raises
    ------
    RuntimeError
        If the shape or a parameter is out of range, or no window fits.

    Notes
    -----
    The first of equal values is taken. A window that holds NaN gives NaN. A window that holds nothing of the input (which
    takes dilation) gives -inf and index -1.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.max_pool2d(fs.tensor([[[1.0, 2.0, 5.0, 4.0], [3.0, 0.0, 0.0, 0.0]]]), 2)
    tensor([[[3., 5.]]])
    """
    return _max_pool(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, 2)


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value of each window of a sequence (N, C, L) or (C, L); otherwise as max_pool2d.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.max_pool1d(fs.tensor([[1.0, 4.0, 2.0, 3.0]]), 2)
    tensor([[4., 3.]])
    """
    return _max_pool(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, 1)


def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window.

    y[n,c,i,j] = (1 / d) sum_{r,s} x[n, c, i stride + r - padding, j stride + s - padding], with zeros for padding.

    Parameters
    ----------
    input : Tensor, shape (N, C, H, W) or (C, H, W)
    kernel_size : int or (int, int)
    stride : int or (int, int), optional
        kernel_size if not given.
    padding : int or (int, int)
        At most half of kernel_size.
    ceil_mode : bool
        Let the last window stick out, if it begins inside.
    count_include_pad : bool
        Is padding counted in d?
    divisor_override : int, optional
        d itself.

    Raises
    ------
    RuntimeError
        If the shape or a parameter is out of range, or no window fits.

    Examples
    --------
    >>> import fastscratch as fs
    >>> from fastscratch.ops.pool import avg_pool2d
    >>> avg_pool2d(fs.tensor([[[1.0, 2.0, 5.0, 4.0], [3.0, 0.0, 0.0, 1.0]]]), 2)
    tensor([[[1.5, 2.5]]])
    """
    return _avg_pool(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, 2)


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of a sequence (N, C, L) or (C, L); otherwise as avg_pool2d.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.avg_pool1d(fs.tensor([[1.0, 4.0, 2.0, 3.0]]), 2)
    tensor([[2.5, 2.5]])
    """
    return _avg_pool(input, kernel_size, stride, padding, ceil_mode, count_include_pad, None, 1)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of each of output_size shares of the image: rows from floor(i H / out) up to ceil((i + 1) H / out).

    Parameters
    ----------
    input : Tensor, shape (N, C, H, W) or (C, H, W)
    output_size : int or (int or None, int or None)
        None keeps the size of the input.

    Raises
    ------
    RuntimeError
        If the input has no pixels or output_size is negative.

    Examples
    --------
    >>> import fastscratch as fs
    >>> from fastscratch.ops.pool import adaptive_avg_pool2d
    >>> adaptive_avg_pool2d(fs.tensor([[[1.0, 2.0, 3.0]]]), (1, 2))
    tensor([[[1.5, 2.5]]])
    """
    return _adaptive_avg_pool(input, output_size, 2)


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of each of output_size shares of a sequence (N, C, L) or (C, L); otherwise as adaptive_avg_pool2d.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.adaptive_avg_pool1d(fs.tensor([[1.0, 4.0, 2.0, 3.0]]), 2)
    tensor([[2.5, 2.5]])
    """
    return _adaptive_avg_pool(input, output_size, 1)


@by_shape
def _windows(
    x: Shape, kernel_size: Any, stride: Any, padding: Any, dilation: Any, dims: int, name: str
) -> tuple[Pair, Pair, Pair, Pair]:
    """Kernel, stride, padding and dilation as (h, w), checked against the shape of the input."""
    kernel, spread = pair_of(kernel_size, dims, "kernel_size", name), pair_of(dilation, dims, "dilation", name)
    given = stride is not None and stride not in ((), [])
    step, pad = pair_of(stride, dims, "stride", name) if given else kernel, pair_of(padding, dims, "padding", name)
    need_at_least(1, kernel, "kernel_size", name)
    need_at_least(1, step, "stride", name)
    need_at_least(1, spread, "dilation", name)
    need_at_least(0, pad, "padding", name)
    if 2 * pad[0] > kernel[0] or 2 * pad[1] > kernel[1]:
        raise RuntimeError(f"{name}: padding must be at most half of kernel_size, got {padding!r} and {kernel_size!r}")
    _need_pixels(x, dims, name)
    if dims == 1:  # the one row of a sequence
        kernel, step, pad, spread = (1, kernel[1]), (1, step[1]), (0, pad[1]), (1, spread[1])
    size = (1, x[-1]) if dims == 1 else x[-2:]
    if any(size[i] + 2 * pad[i] < spread[i] * (kernel[i] - 1) + 1 for i in (0, 1)):
        raise RuntimeError(f"{name}: no window of size {kernel_size!r} fits into an input of shape {x}")
    return kernel, step, pad, spread


def _need_pixels(x: Shape, dims: int, name: str) -> None:
    """RuntimeError for an input that is empty other than by its batch."""
    if 0 in x[-dims - 1 :]:
        raise RuntimeError(f"{name}: only the batch axis may have size 0, got shape {x}")


def _max_pool(
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
    dims: int,
) -> Any:
    name = f"max_pool{dims}d"
    x = need_images(input, dims, name)
    geometry = _windows(x.shape, kernel_size, stride, padding, dilation, dims, name)
    batched = x.ndim == dims + 2
    images = as_images(x.array, dims, batched)
    if not return_indices and _are_blocks(*geometry, bool(ceil_mode)):
        y, code = backend.max_pool2d_blocks_forward(images, geometry[0])
        y = from_images(y, dims, batched)
        return record(y, (x,), _max_blocks_gradient, code, images.shape, geometry[0], dims, batched)
    y, argmax = backend.max_pool2d_forward(images, *geometry, bool(ceil_mode))
    out = record(from_images(y, dims, batched), (x,), _max_pool_gradient, argmax, images.shape, dims, batched)
    return (out, wrap(from_images(argmax, dims, batched).astype("int64"))) if return_indices else out


def _are_blocks(kernel: Pair, step: Pair, pad: Pair, spread: Pair, ceil_mode: bool) -> bool:
    """Do the windows lie side by side, with so few taps that the number of one fits into a byte?"""
    return step == kernel and pad == (0, 0) and spread == (1, 1) and not ceil_mode and kernel[0] * kernel[1] <= 255


def _max_blocks_gradient(dy, needs, code, shape, kernel, dims, batched):
    dx = backend.max_pool2d_blocks_backward(as_images(dy, dims, batched), code, shape, kernel)
    return (from_images(dx, dims, batched),)


def _max_pool_gradient(dy, needs, argmax, shape, dims, batched):
    dx = backend.max_pool2d_backward(as_images(dy, dims, batched), argmax, shape)
    return (from_images(dx, dims, batched),)


def _avg_pool(
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
    dims: int,
) -> Tensor:
    name = f"avg_pool{dims}d"
    x = need_images(input, dims, name)
    kernel, step, pad, _ = _windows(x.shape, kernel_size, stride, padding, 1, dims, name)
    if divisor_override is not None and operator.index(divisor_override) == 0:
        raise RuntimeError(f"{name}: divisor_override must not be 0")
    batched = x.ndim == dims + 2
    images = as_images(x.array, dims, batched)
    geometry = (kernel, step, pad, bool(ceil_mode), bool(count_include_pad), divisor_override)
    y = backend.avg_pool2d_forward(images, *geometry)
    return record(from_images(y, dims, batched), (x,), _avg_pool_gradient, images.shape, geometry, dims, batched)


def _avg_pool_gradient(dy, needs, shape, geometry, dims, batched):
    dx = backend.avg_pool2d_backward(as_images(dy, dims, batched), shape, *geometry)
    return (from_images(dx, dims, batched),)


def _adaptive_avg_pool(input: Tensor, output_size: Any, dims: int) -> Tensor:
    name = f"adaptive_avg_pool{dims}d"
    x = need_images(input, dims, name)
    out = _shares(x.shape, output_size, dims, name)
    batched = x.ndim == dims + 2
    images = as_images(x.array, dims, batched)
    y = backend.adaptive_avg_pool2d_forward(images, out)
    return record(from_images(y, dims, batched), (x,), _adaptive_avg_pool_gradient, images.shape, dims, batched)


@by_shape
def _shares(x: Shape, output_size: Any, dims: int, name: str) -> Pair:
    """output_size as (h, w), checked against the shape of the input."""
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * dims
    if len(given) != dims:
        raise RuntimeError(f"{name}: output_size must be an int or {dims} of them, got {output_size!r}")
    sizes = [size if wanted is None else wanted for wanted, size in zip(given, x[-dims:], strict=True)]
    out = pair_of(sizes, dims, "output_size", name)
    need_at_least(0, out, "output_size", name)
    _need_pixels(x, dims, name)
    return out if dims == 2 else (1, out[1])


def _adaptive_avg_pool_gradient(dy, needs, shape, dims, batched):
    dx = backend.adaptive_avg_pool2d_backward(as_images(dy, dims, batched), shape)
    return (from_images(dx, dims, batched),)
