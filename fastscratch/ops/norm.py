"""Normalisation: over the batch, over each sample's features, over groups of channels."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend
from ..tensor import Tensor, record
from .arithmetic import add, mul
from .operands import need_tensor
from .shape import reshape

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm"]

Array = np.ndarray[Any, Any]


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Bring each channel to mean 0 and variance 1, then scale and shift it.

    y = (x - mean) / sqrt(var + eps) * weight + bias, with the mean and biased variance of the batch in training, and the
    running ones otherwise.

    Parameters
    ----------
    input : Tensor, shape (N, C, ...)
    running_mean, running_var : Tensor, shape (C,), or None
        Needed out of training. In training, if given, they are changed in place:
        running = (1 - momentum) * running + momentum * batch, the batch's variance being the unbiased one.
    weight, bias : Tensor, shape (C,), optional
    training : bool
    momentum : float
    eps : float

    Raises
    ------
    ValueError
        In training, if there are fewer than two values for each channel.
    RuntimeError
        If shapes or dtypes do not fit, or running statistics are missing out of training.

    Notes
    -----
    Two passes over x. Statistics are accurate for a mean large beside the deviation (see csrc/prototypes.h), and have the
    same bits for any number of threads. A channel with a NaN or an infinity in it becomes NaN.

    References
    ----------
    S. Ioffe and C. Szegedy, Batch Normalization, ICML 2015.

    Examples
    --------
    >>> import fastscratch as fs
    >>> from fastscratch.ops.norm import batch_norm
    >>> batch_norm(fs.tensor([[1.0], [3.0]]), None, None, training=True)
    tensor([[-1.],
            [ 1.]])
    """
    return _batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps, False)


def batch_norm_relu(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """relu(batch_norm(...)) in the same two passes, with batch_norm's arguments and errors.

    The way back finds out anew what the rectifier let pass, so that nothing but input is kept.
    """
    return _batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps, True)


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    relu: bool,
) -> Tensor:
    x = need_tensor(input, "batch_norm")
    if x.ndim < 2:
        raise RuntimeError(f"batch_norm: expected at least 2 axes (N, C, ...), got shape {x.shape}")
    channels = x.shape[1]
    named = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for name, vector in named.items():
        if vector is not None and vector.shape != (channels,):
            raise RuntimeError(f"batch_norm: {name} should have shape ({channels},), got {vector.shape}")
    if training:
        return _batch_norm_training(x, running_mean, running_var, weight, bias, momentum, eps, relu)
    if running_mean is None or running_var is None:
        missing = "running_mean" if running_mean is None else "running_var"
        raise RuntimeError(f"batch_norm: {missing} must be defined in evaluation mode")
    mean, var = running_mean.array, running_var.array
    try:
        y = backend.batch_norm_inference(x.array, _array(weight), _array(bias), mean, var, eps, relu)
    except (TypeError, ValueError) as error:
        raise RuntimeError(f"batch_norm: {error}") from None
    # Copies: a later batch in training mode changes the running statistics.
    saved = x, weight, bias if relu else None, mean.copy(), var.copy(), eps, relu
    return record(y, (x, weight, bias), _inference_gradient, *saved)


def _array(x: Tensor | None) -> Array | None:
    return None if x is None else x.array


def _batch_norm_training(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float,
    eps: float,
    relu: bool,
) -> Tensor:
    if x.array.size < 2 * max(1, x.shape[1]):
        raise ValueError(f"batch_norm: Expected more than 1 value per channel when training, got input size {x.shape}")
    average, spread = _changed(running_mean, x), _changed(running_var, x)
    try:
        y, mean, _, rstd = backend.batch_norm_forward(
            x.array, _array(weight), _array(bias), average, spread, momentum, eps, relu
        )
    except (TypeError, ValueError) as error:
        raise RuntimeError(f"batch_norm: {error}") from None
    _take_over(running_mean, average)
    _take_over(running_var, spread)
    return record(y, (x, weight, bias), _training_gradient, x, weight, bias if relu else None, mean, rstd, relu)


def _changed(running: Tensor | None, x: Tensor) -> Array | None:
    """The array that the kernel changes: the tensor's own, or a copy in x's type where it has another."""
    if running is None or running.dtype == x.dtype:
        return _array(running)
    return running.array.astype(np.result_type(x.dtype, np.float32))


def _take_over(running: Tensor | None, changed: Array | None) -> None:
    """Note that the kernel changed the tensor's array, or bring home what it changed in a copy."""
    if running is not None and changed is not None:
        if changed is not running.array:
            np.copyto(running.array, changed, casting="same_kind")
        running.touch()


def _training_gradient(dy, needs, x, weight, bias, mean, rstd, relu):
    return backend.batch_norm_backward(dy, x, weight, bias, mean, rstd, True, relu)


def _inference_gradient(dy, needs, x, weight, bias, mean, var, eps, relu):
    rstd = (1 / np.sqrt(var.astype(np.float64) + eps)).astype(var.dtype)  # as the kernel has it, to the last bit
    return backend.batch_norm_backward(dy, x, weight, bias, mean, rstd, False, relu)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Bring the features of each sample to mean 0 and variance 1, then scale and shift each feature.

    Parameters
    ----------
    input : Tensor, shape (..., *normalized_shape)
    normalized_shape : sequence of int
        The last axes of input, over which mean and biased variance are taken.
    weight, bias : Tensor, shape normalized_shape, optional
    eps : float

    Raises
    ------
    TypeError
        If normalized_shape is not a sequence.
    RuntimeError
        If it is empty or not the end of input's shape, or weight or bias has another shape or dtype.

    References
    ----------
    J. Ba, J. Kiros and G. Hinton, Layer Normalization, arXiv:1607.06450, 2016.

    Examples
    --------
    >>> import fastscratch as fs
    >>> from fastscratch.ops.norm import layer_norm
    >>> layer_norm(fs.tensor([[1.0, 3.0], [5.0, 5.0]]), (2,))
    tensor([[-1.,  1.],
            [ 0.,  0.]])
    """
    x = need_tensor(input, "layer_norm")
    if not isinstance(normalized_shape, Sequence):
        raise TypeError(
            f"layer_norm: normalized_shape must be a sequence of int, got {type(normalized_shape).__name__}"
        )
    shape = tuple(map(int, normalized_shape))
    if not shape or x.shape[-len(shape) :] != shape:
        raise RuntimeError(f"layer_norm: input of shape {x.shape} does not end in normalized_shape {shape}")
    for name, vector in (("weight", weight), ("bias", bias)):
        if vector is not None and vector.shape != shape:
            raise RuntimeError(f"layer_norm: {name} should have shape {shape}, got {vector.shape}")
    plain = x.array.ndim == 2 and len(shape) == 1
    rows = x.array if plain else x.array.reshape(math.prod(x.shape[: -len(shape)]), math.prod(shape))
    w, b = _array(weight), _array(bias)
    if not plain:
        w, b = None if w is None else w.ravel(), None if b is None else b.ravel()
    try:
        y, mean, rstd = backend.layer_norm_forward(rows, w, b, eps)
    except (TypeError, ValueError) as error:
        raise RuntimeError(f"layer_norm: {error}") from None
    if plain:
        return record(y, (x, weight, bias), _layer_norm__rows_gradient, x, weight, mean, rstd)
    return record(y.reshape(x.shape), (x, weight, bias), _layer_norm_gradient, x, weight, mean, rstd, shape)


def _layer_norm__rows_gradient(dy, needs, x, weight, mean, rstd):
    return backend.layer_norm_backward(dy, x, weight, mean, rstd)


def _layer_norm_gradient(dy, needs, x, weight, mean, rstd, shape):
    size = (len(mean), math.prod(shape))
    w = None if weight is None else weight.ravel()
    dx, dw, db = backend.layer_norm_backward(dy.reshape(size), x.reshape(size), w, mean, rstd)
    return dx.reshape(x.shape), dw.reshape(shape), db.reshape(shape)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Bring each group of channels of each sample to mean 0 and variance 1, then scale and shift each channel.

    Parameters
    ----------
    input : Tensor, shape (N, C, ...)
    num_groups : int
        Divides C.
    weight, bias : Tensor, shape (C,), optional
    eps : float

    Raises
    ------
    RuntimeError
        If num_groups does not divide the number of channels, or weight or bias has another shape.

    References
    ----------
    Y. Wu and K. He, Group Normalization, ECCV 2018.
    """
    x = need_tensor(input, "group_norm")
    if x.ndim < 2 or num_groups < 1 or x.shape[1] % num_groups:
        raise RuntimeError(f"group_norm: {num_groups} groups do not divide the channels of input of shape {x.shape}")
    rows = reshape(x, x.shape[0] * num_groups, math.prod(x.shape[1:]) // num_groups)
    y = reshape(layer_norm(rows, rows.shape[1:], eps=eps), x.shape)
    for name, vector, combine in (("weight", weight, mul), ("bias", bias, add)):
        if vector is not None:
            if vector.shape != x.shape[1:2]:
                raise RuntimeError(f"group_norm: {name} should have shape {x.shape[1:2]}, got {vector.shape}")
            y = combine(y, reshape(vector, -1, *[1] * (x.ndim - 2)))
    return y


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Bring each channel of each sample to mean 0 and variance 1: group_norm with groups of one channel.

    Raises
    ------
    NotImplementedError
        If running statistics are given, or asked for by use_input_stats=False.
    ValueError
        If a channel has fewer than two values.
    """
    x = need_tensor(input, "instance_norm")
    if running_mean is not None or running_var is not None or not use_input_stats:
        raise NotImplementedError("instance_norm: running statistics are not supported")
    if x.ndim < 2 or math.prod(x.shape[2:]) < 2:
        raise ValueError(f"instance_norm: Expected more than 1 spatial element when training, got input size {x.shape}")
    return group_norm(x, max(1, x.shape[1]), weight, bias, eps)
