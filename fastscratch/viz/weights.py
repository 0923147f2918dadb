"""Weights as images: what each unit of a first layer looks for, and the filters of a convolution."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import nn
from ..names import unknown
from .axes import as_array, at_least_one
from .tiles import tiles

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
_DIVERGING = "RdBu_r"  # red and blue are told apart by everyone


def plot_weights(
    model: nn.Module,
    *,
    layer: str | None = None,
    image_shape: Sequence[int] | None = None,
    count: int = 64,
    columns: int | None = None,
) -> Any:
    """The weights of a Linear layer as images, one for each unit: blue below zero, red above.

    Parameters
    ----------
    model : Module
    layer : str, optional
        The layer's path, as in ``named_modules``; the first layer that has weights if not given.
    image_shape : (H, W), optional
        Of the layer's inputs; a square if not given.
    count : int
        At most so many units.
    columns : int, optional

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no such layer, it is no Linear, or its inputs do not fill the image.
    """
    name, module = find_layer(model, layer, (nn.Linear,), "Linear")
    weight = as_array(module.weight)
    shape = _image_shape(weight.shape[1], image_shape)
    shown = weight[: at_least_one(count)].reshape(-1, *shape)
    title = f"layer {name}: {_of(len(shown), len(weight), 'unit')} of {shape[0]} x {shape[1]}"
    labels = [str(i) for i in range(len(shown))]
    return tiles(shown, labels, limits=_around_zero(shown), cmap=_DIVERGING, columns=columns, title=title, bar=True)


def plot_filters(
    model: nn.Module, *, layer: str | None = None, count: int = 64, channels: int = 8, columns: int | None = None
) -> Any:
    """The filters of a convolution: one image each, or of several input channels a row each; blue below zero, red above.

    Parameters
    ----------
    model : Module
    layer : str, optional
        The layer's path, as in ``named_modules``; the first convolution if not given.
    count, channels : int
        At most so many filters, and input channels of each.
    columns : int, optional
        Of filters with one input channel.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no such layer, or it is no convolution.
    """
    name, module = find_layer(model, layer, _CONVOLUTIONS, "convolution", skip=True)
    weight = as_array(module.weight)
    weight = weight[:, :, None] if weight.ndim == 3 else weight  # (filters, channels, H, W)
    shown = weight[: at_least_one(count), : at_least_one(channels, "channels")]
    title = f"layer {name}: {_of(len(shown), len(weight), 'filter')} of {weight.shape[2]} x {weight.shape[3]}"
    labels = [str(i) for i in range(len(shown))]
    if weight.shape[1] > 1:
        title += f", {_of(shown.shape[1], weight.shape[1], 'channel')}"
        columns = shown.shape[1]
        labels = [f"{i}, channel {j}" for i in range(len(shown)) for j in range(columns)]
    images = shown.reshape(-1, *shown.shape[2:])
    return tiles(images, labels, limits=_around_zero(shown), cmap=_DIVERGING, columns=columns, title=title, bar=True)


def find_layer(
    model: Any, layer: str | None, kinds: tuple[type, ...], what: str, *, skip: bool = False
) -> tuple[str, Any]:
    """The path and the module of a layer that is one of some kinds.

    With no path the first one that has weights, or with skip the first of those kinds.

    Raises
    ------
    TypeError
        If model is not a Module.
    ValueError
        If there is no such layer, or it is of another kind.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"expected a Module, got {type(model).__name__}")
    named = {path or type(module).__name__: module for path, module in model.named_modules()}
    if layer is None:
        able = [n for n, m in named.items() if isinstance(m, kinds if skip else nn.Module) and hasattr(m, "weight")]
        if not able:
            raise ValueError(f"{type(model).__name__} has no {what} layer")
        layer = able[0]
    if layer not in named:
        raise ValueError(unknown("layer", layer, named))
    if not isinstance(named[layer], kinds):
        raise ValueError(f"layer {layer!r} is a {type(named[layer]).__name__}, and no {what}")
    return layer, named[layer]


def _image_shape(size: int, given: Sequence[int] | None) -> tuple[int, int]:
    side = math.isqrt(size)
    shape = tuple(given) if given is not None else (side, side)
    if len(shape) != 2 or shape[0] * shape[1] != size:
        wanted = "give image_shape=(H, W)" if given is None else f"got image_shape={shape}"
        raise ValueError(f"the layer has {size} inputs, which are to fill an image: {wanted}")
    return shape


def _around_zero(weights: np.ndarray) -> tuple[float, float]:
    known = np.abs(weights[np.isfinite(weights)])
    largest = float(known.max(initial=0.0)) or 1.0
    return -largest, largest


def _of(shown: int, there: int, what: str) -> str:
    plural = what if there == 1 else f"{what}s"
    return f"{there} {plural}" if shown == there else f"{shown} of {there} {plural}"
