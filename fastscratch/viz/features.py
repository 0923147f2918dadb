"""What a network makes of an image, layer by layer."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import nn
from ..names import unknown
from ..nn.undisturbed import undisturbed
from ..tape import no_grad
from ..tensor import Tensor
from .axes import as_array, at_least_one, plain
from .tiles import draw, sheet

# In inches, as in tiles.py.
_TILE, _GAP, _MARGIN, _STRIP, _LETTER = 0.8, 0.08, 0.15, 0.3, 0.075
_NUMBERED = 20  # values of a strip at most that are numbered


def activations(model: nn.Module, inputs: Any, layers: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """What the layers of a model give for some inputs, by their paths, in the order in which they are called.

    Parameters
    ----------
    model : Module
        Left as it was, even after an error: the run is in evaluation mode, without gradients; training flags, buffers,
        hooks and the random state are put back.
    inputs : Tensor or ndarray
        As the model takes them, the batch axis first; an array becomes a tensor of the model's dtype.
    layers : sequence of str, optional
        Paths as in ``named_modules``; all modules that hold no others if not given. A layer that is called more than
        once is there with its calls numbered: ``act``, ``act (2)``.

    Returns
    -------
    dict of str to ndarray
        Layers that were not called, or give no tensor, are left out.

    Raises
    ------
    TypeError
        If model is not a Module.
    ValueError
        If there is no layer of that name.

    Examples
    --------
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU())
    >>> [(name, array.shape) for name, array in activations(model, np.ones((1, 2, 2))).items()]
    [('0', (1, 4)), ('1', (1, 3)), ('2', (1, 3))]
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"expected a Module, got {type(model).__name__}")
    named = {path or type(model).__name__: module for path, module in model.named_modules()}
    if layers is None:
        layers = [name for name, module in named.items() if next(module.children(), None) is None]
    seen: dict[str, np.ndarray] = {}

    def watch(name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                calls = sum(other == name or other.startswith(f"{name} (") for other in seen)
                # A copy: the next layer may work in place.
                seen[f"{name} ({calls + 1})" if calls else name] = output.array.copy()

        return hook

    with undisturbed(model), no_grad():
        model.eval()
        for name in layers:
            if name not in named:
                raise ValueError(unknown("layer", name, named))
            named[name].register_forward_hook(watch(name))
        model(_as_inputs(model, inputs))
    return seen


def plot_feature_maps(model: nn.Module, image: Any, *, layers: Sequence[str] | None = None, count: int = 8) -> Any:
    """An image, and under it what each layer makes of it: images as images, vectors as strips.

    Parameters
    ----------
    model : Module
        Left as it was, as by :func:`activations`.
    image : Tensor or ndarray, shape (1, ...)
        A batch of one, as the model takes it.
    layers : sequence of str, optional
        As in :func:`activations`.
    count : int
        At most so many channels of each layer.

    Returns
    -------
    matplotlib.figure.Figure
        Dark is the least and light the most of what a row shows; the numbers are beside it.

    Raises
    ------
    TypeError
        If model is not a Module.
    ValueError
        If image is not a batch of one, or there is no layer of that name.
    """
    at_least_one(count)
    given = as_array(image)
    if given.ndim < 2 or len(given) != 1:
        raise ValueError(f"image must be a batch of one, got shape {given.shape}")
    seen = activations(model, image, layers)
    kinds = {path: type(module).__name__ for path, module in model.named_modules()}
    rows = [_Row("input", given[0], count)]
    for name, array in seen.items():
        kind = kinds.get(name.split(" (")[0])
        rows.append(_Row(f"{name}: {kind}" if kind else name, array[0], count))
    left = 2 * _MARGIN + _LETTER * max(len(line) for row in rows for line in row.words.splitlines())
    figure, ax = sheet(left + count * (_TILE + _GAP) + _MARGIN, sum(row.height + _GAP for row in rows) + 2 * _MARGIN)
    top = _MARGIN
    for row in rows:
        ax.text(_MARGIN, top + row.height / 2, plain(row.words), fontsize=8, va="center", linespacing=1.2)
        for i, picture in enumerate(row.images):
            x = left + i * (_TILE + _GAP)
            draw(ax, picture, (x, x + row.width, top + row.height, top), "viridis", row.limits)
        if row.height == _STRIP and row.images and row.images[0].shape[1] <= _NUMBERED:
            _number(ax, row.images[0][0], (left, top), row)
        top += row.height + _GAP
    return figure


def _number(ax: Any, values: np.ndarray, place: tuple[float, float], row: "_Row") -> None:
    """The index of each value, such as the class of a logit, in its cell."""
    step, middle = row.width / len(values), sum(row.limits) / 2
    for i, value in enumerate(values):
        colour = "black" if value > middle else "white"
        ax.text(
            place[0] + (i + 0.5) * step, place[1] + row.height / 2, str(i),
            fontsize=8, ha="center", va="center", color=colour,
        )  # fmt: skip


class _Row:
    """A layer: its words, and its channels as images or its values as one strip."""

    def __init__(self, name: str, array: np.ndarray, count: int) -> None:
        if array.ndim >= 3:
            self.images = list(array.reshape(-1, *array.shape[-2:])[:count])
            self.width, self.height = _TILE, _TILE
        else:
            self.images = [array.reshape(-1, array.shape[-1] if array.ndim else 1)]
            self.width = count * (_TILE + _GAP) - _GAP
            self.height = _TILE if len(self.images[0]) > 1 else _STRIP
        self.images = [image for image in self.images if image.size]
        known = np.concatenate([image[np.isfinite(image)] for image in self.images] or [np.zeros(0)])
        self.limits = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
        shape = " x ".join(map(str, array.shape))
        between = "\n" if self.height == _TILE else ", "
        self.words = f"{name}{between}{shape}\n{self.limits[0]:.3g} … {self.limits[1]:.3g}"


def _as_inputs(model: nn.Module, inputs: Any) -> Tensor:
    if isinstance(inputs, Tensor):
        return inputs
    floating = next((p.array.dtype for p in model.parameters() if p.is_floating_point()), np.dtype(np.float32))
    return Tensor(np.asarray(inputs).astype(floating))
