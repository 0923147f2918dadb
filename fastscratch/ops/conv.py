"""Convolutions over one and two axes, with PyTorch's functional signatures."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import backend
from ..quiet import quiet
from ..tape import OUTPUT
from ..tensor import Tensor, convolvable, record
from .operands import need_tensor
from .pool import max_pool1d, max_pool2d
from .windows import Array, Pair, T, as_images, by_shape, from_images, need_at_least, need_images, pair_of

__all__ = ["conv1d", "conv2d"]

Shape = tuple[int, ...]
Geometry = tuple[Pair, Pair, Pair, int]


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Two-dimensional cross-correlation of images with a set of filters.

    y[n,k,i,j] = bias[k] + sum_{c,r,s} weight[k,c,r,s] x[n, c, i stride + r dilation, j stride + s dilation], where x is
    the input padded with zeros, and filter k sees the channels of its group.

    Parameters
    ----------
    input : Tensor, shape (N, C, H, W) or (C, H, W)
    weight : Tensor, shape (K, C / groups, R, S)
    bias : Tensor, shape (K,), optional
    stride, dilation : int or (int, int)
    padding : int, (int, int), "valid" or "same"
        Zeros on each side; "same" keeps the size of the input (for stride 1; an odd one out goes to the end).
    groups : int
        Blocks of channels that do not see each other; C for a depthwise convolution.

    Returns
    -------
    Tensor, shape (N, K, out_h, out_w), out = floor((in + 2 padding - dilation (filter - 1) - 1) / stride) + 1

    Raises
    ------
    RuntimeError
        If the shapes or dtypes do not fit together, the filter is larger than the padded input, or a parameter is out of
        range.

    Notes
    -----
    The result lies in memory channels-last, which nothing but its strides shows. N K out_h out_w C/groups R S
    multiplications; the algorithm, and with it every bit of the result, depends on the shapes alone.

    References
    ----------
    V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285, 2016.

    Examples
    --------
    >>> import fastscratch as fs
    >>> x = fs.ones(1, 1, 3, 3)
    >>> fs.conv2d(x, fs.ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    return _convolution(input, weight, bias, stride, padding, dilation, groups, 2)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """One-dimensional cross-correlation of sequences with a set of filters: conv2d on images of height 1.

    Parameters
    ----------
    input : Tensor, shape (N, C, L) or (C, L)
    weight : Tensor, shape (K, C / groups, S)
    bias : Tensor, shape (K,), optional
    stride, dilation : int or (int,)
    padding : int, (int,), "valid" or "same"
    groups : int

    Returns
    -------
    Tensor, shape (N, K, out)

    Raises
    ------
    RuntimeError
        As conv2d.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.conv1d(fs.tensor([[[1.0, 2.0, 4.0]]]), fs.tensor([[[-1.0, 1.0]]]))
    tensor([[[1., 2.]]])
    """
    return _convolution(input, weight, bias, stride, padding, dilation, groups, 1)


def conv2d_relu(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """relu(conv2d(...)) in one kernel each way; shapes and errors as conv2d."""
    return _convolution(input, weight, bias, stride, padding, dilation, groups, 2, relu=True)


def conv1d_relu(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """relu(conv1d(...)) in one kernel each way; shapes and errors as conv1d."""
    return _convolution(input, weight, bias, stride, padding, dilation, groups, 1, relu=True)


def conv2d_relu_max_pool2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    pool_kernel: Any = 2,
    pool_stride: Any = None,
    pool_padding: Any = 0,
    relu: bool = True,
) -> Tensor:
    """max_pool2d(relu(conv2d(...)), pool_kernel, pool_stride, pool_padding); without relu if told so.

    Where the windows of the pool lie side by side, one kernel each way makes the pixels of the convolution and uses them up
    while they are in the cache; otherwise it is what it says. Shapes, errors, ties and NaN as the operations it joins.
    """
    return _convolution_and_pool(
        input, weight, bias, (stride, padding, dilation, groups), (pool_kernel, pool_stride, pool_padding), relu, 2
    )


def conv1d_relu_max_pool1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    pool_kernel: Any = 2,
    pool_stride: Any = None,
    pool_padding: Any = 0,
    relu: bool = True,
) -> Tensor:
    """max_pool1d(relu(conv1d(...)), pool_kernel, pool_stride, pool_padding), as conv2d_relu_max_pool2d."""
    return _convolution_and_pool(
        input, weight, bias, (stride, padding, dilation, groups), (pool_kernel, pool_stride, pool_padding), relu, 1
    )


def _operands(
    input: Tensor, weight: Tensor, bias: Tensor | None, plan: Callable[..., T], parameters: tuple[Any, ...], dims: int
) -> tuple[Tensor, Tensor, T]:
    """Input and weight, checked, and what the plan says of their shapes and the parameters."""
    x, w = need_images(input, dims, f"conv{dims}d"), need_tensor(weight, f"conv{dims}d")
    if w.dtype != x.dtype or (bias is not None and bias.dtype != x.dtype):
        others = f"weight {w.dtype}" + ("" if bias is None else f", bias {bias.dtype}")
        raise RuntimeError(f"conv{dims}d: all operands must have one dtype, got input {x.dtype}, {others}")
    return x, w, plan(x.shape, w.shape, None if bias is None else bias.shape, *parameters, dims)


def _convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    dims: int,
    relu: bool = False,
) -> Tensor:
    parameters = (stride, padding, dilation, groups)
    if dims == 2 and convolvable(input, weight, bias, stride, padding, dilation, groups, None):
        b = None if bias is None else bias.array
        y = backend.conv2d_forward(input.array, weight.array, b, *parameters, relu)
        return _recorded(y, input, weight, bias, relu, parameters, (0, 0), 2, True)
    x, w, (geometry, extra) = _operands(input, weight, bias, _geometry, parameters, dims)
    batched = x.ndim == dims + 2
    images = _with_room(as_images(x.array, dims, batched), extra)
    b = None if bias is None else bias.array
    y = backend.conv2d_forward(images, as_images(w.array, dims), b, *geometry, relu)
    return _recorded(from_images(y, dims, batched), x, w, bias, relu, geometry, extra, dims, batched)


def _recorded(y: Array, x: Tensor, w: Tensor, bias: Tensor | None, relu: bool, *how: Any) -> Tensor:
    if relu:
        return record(y, (x, w, bias), _conv_relu_gradient, OUTPUT, x, w, *how)
    return record(y, (x, w, bias), _conv_gradient, x, w, *how)


def _conv_gradient(dy, needs, x, w, geometry, extra, dims, batched):
    dy = as_images(dy, dims, batched)
    images, filters = as_images(x, dims, batched), as_images(w, dims)
    gradients = backend.conv2d_backward(dy, _with_room(images, extra), filters, *geometry, *needs)
    return _shaped(gradients, images.shape, dims, batched)


def _conv_relu_gradient(dy, needs, y, x, w, geometry, extra, dims, batched):
    dy, y = as_images(dy, dims, batched), as_images(y, dims, batched)
    images, filters = as_images(x, dims, batched), as_images(w, dims)
    gradients = backend.conv2d_relu_backward(dy, y, _with_room(images, extra), filters, *geometry, *needs)
    return _shaped(gradients, images.shape, dims, batched)


def _convolution_and_pool(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    parameters: tuple[Any, Any, Any, int],
    pool: tuple[Any, Any, Any],
    relu: bool,
    dims: int,
) -> Tensor:
    kernel, step, margin = pool
    if dims == 2 and type(kernel) is int and step in (None, kernel) and margin == 0:
        square = (kernel, kernel)
        if convolvable(input, weight, bias, *parameters, square):
            b = None if bias is None else bias.array
            y, code = backend.conv2d_pool_forward(input.array, weight.array, b, *parameters, square, relu)
            saved = (code, input, weight, parameters, (0, 0), square, 2, True)
            return record(y, (input, weight, bias), _conv_pool_gradient, *saved)
    x, w, (geometry, extra, window) = _operands(input, weight, bias, _geometry_and_window, (*parameters, *pool), dims)
    if window is None:
        y = _convolution(x, w, bias, *parameters, dims, relu)
        return (max_pool2d if dims == 2 else max_pool1d)(y, *pool)
    batched = x.ndim == dims + 2
    images = _with_room(as_images(x.array, dims, batched), extra)
    b = None if bias is None else bias.array
    y, code = backend.conv2d_pool_forward(images, as_images(w.array, dims), b, *geometry, window, relu)
    result = from_images(y, dims, batched)
    return record(result, (x, w, bias), _conv_pool_gradient, code, x, w, geometry, extra, window, dims, batched)


def _conv_pool_gradient(dy, needs, code, x, w, geometry, extra, window, dims, batched):
    dy = as_images(dy, dims, batched)
    images, filters = as_images(x, dims, batched), as_images(w, dims)
    gradients = backend.conv2d_pool_backward(dy, code, _with_room(images, extra), filters, *geometry, window, *needs)
    return _shaped(gradients, images.shape, dims, batched)


def _shaped(gradients: Any, shape: Shape, dims: int, batched: bool) -> Any:
    """The gradients in x, w and b in the form of the operands."""
    dx, dw, db = gradients
    if dx is not None:
        dx = from_images(dx[:, :, : shape[2], : shape[3]], dims, batched)
    return dx, None if dw is None else from_images(dw, dims), db


@by_shape
def _geometry_and_window(x: Shape, w: Shape, bias: Shape | None, *rest: Any) -> tuple[Geometry, Pair, Pair | None]:
    """Both at once: rest are the parameters of the convolution and of the pool, and dims."""
    geometry, extra = _geometry(x, w, bias, *rest[:4], rest[-1])
    return geometry, extra, _window(x, w, geometry, extra, *rest[4:])


def _window(
    x: Shape, w: Shape, geometry: Any, extra: Pair, kernel: Any, stride: Any, padding: Any, dims: int
) -> Pair | None:
    """The pool's window, if windows lie side by side in the convolution's output and a byte can name the places in one."""
    if padding != 0 or stride not in (None, kernel):
        return None
    window = pair_of(kernel, dims, "kernel_size", f"max_pool{dims}d")
    if dims == 1:
        window = (1, window[1])
    step, pad, spread, _ = geometry
    image, size = ((1, x[-1]), (1, w[-1])) if dims == 1 else (x[-2:], w[-2:])
    room = [image[i] + 2 * pad[i] + extra[i] - spread[i] * (size[i] - 1) for i in (0, 1)]
    fits = all(1 <= window[i] <= (room[i] - 1) // step[i] + 1 for i in (0, 1))
    return window if fits and window[0] * window[1] < 256 else None


@by_shape
def _geometry(
    x: Shape, w: Shape, bias: Shape | None, stride: Any, padding: Any, dilation: Any, groups: int, dims: int
) -> tuple[Geometry, Pair]:
    """Stride, padding and dilation as (h, w), groups; and what "same" adds at the end. Everything is checked here."""
    name = f"conv{dims}d"
    step, spread = pair_of(stride, dims, "stride", name), pair_of(dilation, dims, "dilation", name)
    need_at_least(1, step, "stride", name)
    need_at_least(1, spread, "dilation", name)
    _check_operands(x, w, bias, groups, dims, name)
    size = (w[-2], w[-1]) if dims == 2 else (1, w[-1])
    image = (x[-2], x[-1]) if dims == 2 else (1, x[-1])
    pad, extra = _padding(padding, size, step, spread, dims, name)
    if dims == 1:  # the one row of a sequence
        step, pad, spread = (1, step[1]), (0, pad[1]), (1, spread[1])
    room = tuple(image[i] + 2 * pad[i] + extra[i] for i in (0, 1))
    reach = tuple(spread[i] * (size[i] - 1) + 1 for i in (0, 1))
    if reach[0] > room[0] or reach[1] > room[1] or min(size) < 1 or min(image) < 1:
        raise RuntimeError(
            f"{name}: a filter of size {reach[2 - dims :]} (with dilation) does not fit into the padded input "
            f"of size {room[2 - dims :]}"
        )
    return (step, pad, spread, groups), extra


def _check_operands(x: Shape, w: Shape, bias: Shape | None, groups: int, dims: int, name: str) -> None:
    """RuntimeError where the shapes of input, weight and bias do not fit together."""
    if len(w) != dims + 2:
        raise RuntimeError(f"{name}: expected a weight of {dims + 2} axes, got shape {w}")
    if not isinstance(groups, (int, np.integer)) or isinstance(groups, bool):
        raise TypeError(f"{name}: groups must be an int, got {groups!r}")
    if groups < 1:
        raise RuntimeError(f"{name}: groups must be positive, got {groups}")
    if w[0] < groups or w[0] % groups:
        raise RuntimeError(f"{name}: the weight's axis 0 must be a positive multiple of groups={groups}, got shape {w}")
    if w[1] * groups != x[-dims - 1]:
        raise RuntimeError(
            f"{name}: weight {w} in groups={groups} expects an input of {w[1] * groups} channels, "
            f"got {x[-dims - 1]} in shape {x}"
        )
    if bias is not None and bias != (w[0],):
        raise RuntimeError(f"{name}: weight {w} expects a bias of shape ({w[0]},), got {bias}")


def _padding(padding: Any, size: Pair, step: Pair, spread: Pair, dims: int, name: str) -> tuple[Pair, Pair]:
    """Zeros on each side, and zeros more at the end, for a filter of this size."""
    if not isinstance(padding, str):
        pad = pair_of(padding, dims, "padding", name)
        need_at_least(0, pad, "padding", name)
        return pad, (0, 0)
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding != "same":
        raise RuntimeError(f"{name}: padding must be 'valid', 'same' or numbers, got {padding!r}")
    if step != (1, 1):
        raise RuntimeError(f"{name}: padding='same' needs stride 1, got {step if dims == 2 else step[1]}")
    rows, columns = spread[0] * (size[0] - 1), spread[1] * (size[1] - 1)
    return (rows // 2, columns // 2), (rows % 2, columns % 2)


def _with_room(images: Array, extra: Pair) -> Array:
    """The images with so many more rows and columns of zeros at their end."""
    if extra == (0, 0):
        return images
    n, c, h, w = images.shape
    room = quiet.call(np.zeros, (n, h + extra[0], w + extra[1], c), images.dtype).transpose(0, 3, 1, 2)
    room[:, :, :h, :w] = images
    return room
