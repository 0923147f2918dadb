"""Small images side by side, each with a few words over it."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .axes import as_array, new_figure, plain

# All in inches, which are also the units of the axes.
_TILE, _GAP, _MARGIN = 0.9, 0.1, 0.15
_LINE, _LETTER = 0.15, 0.075  # of text of 8 points
_TITLE = 0.3


class Frame(NamedTuple):
    """What is drawn around a tile."""

    colour: str
    style: str


def as_images(images: Any, name: str = "images") -> np.ndarray:
    """Images as (N, H, W) or, in colour, (N, H, W, 3).

    Raises
    ------
    ValueError
        If the shape is not (N, H, W), (N, 1, H, W) or (N, 3, H, W).
    """
    array = as_array(images)
    if array.ndim == 4 and array.shape[1] in (1, 3):
        array = array[:, 0] if array.shape[1] == 1 else array.transpose(0, 2, 3, 1)
    elif array.ndim != 3:
        raise ValueError(f"{name} must have shape (N, H, W), (N, 1, H, W) or (N, 3, H, W), got {array.shape}")
    if 0 in array.shape[1:]:
        raise ValueError(f"{name} must have pixels, got shape {as_array(images).shape}")
    return array


def brightness(images: np.ndarray) -> tuple[float, float]:
    """What is black and what is white: the range of the type, of [0, 1], or else of what is there."""
    if images.dtype == np.uint8:
        return 0.0, 255.0
    known = images[np.isfinite(images)]
    low, high = float(known.min(initial=0.0)), float(known.max(initial=0.0))
    return (0.0, 1.0) if 0 <= low <= high <= 1 else (low, high)


def tiles(
    images: np.ndarray,
    labels: Sequence[str] | None = None,
    *,
    limits: tuple[float, float] | None = None,
    cmap: str = "gray",
    columns: int | None = None,
    frames: Sequence[Frame] | None = None,
    title: str = "",
    empty: str = "nothing to show",
    bar: bool = False,
) -> Any:
    """A figure of images in rows, with a label of one or more lines over each.

    Each image is one of the axes' ``images``, each label one of its ``texts``, in order. The figure is as large as its
    tiles and words need, so that nothing is cut off or drawn over another.
    """
    labels = [""] * len(images) if labels is None else [plain(label) for label in labels]
    lines = max((len(label.splitlines()) for label in labels), default=0)
    longest = max((len(line) for label in labels for line in label.splitlines()), default=0)
    columns = max(1, min(columns or math.ceil(math.sqrt(len(images))), len(images)))
    box = _box(images.shape[1:3])
    cell = max(_TILE, _LETTER * longest) + _GAP, box[1] + _LINE * lines + _GAP
    top = _MARGIN + (_TITLE if title else 0.0)
    inner = max(columns * cell[0], 2.0, 0.09 * len(title))
    height = top + max(1, math.ceil(len(images) / columns)) * cell[1] + _MARGIN
    figure, ax = sheet(inner + 2 * _MARGIN + (0.8 if bar else 0.0), height)
    if title:
        figure.text(_MARGIN / figure.get_figwidth(), 1 - _MARGIN / height, plain(title), fontsize=10, va="top")
    if not len(images):
        ax.text(_MARGIN, top + _TILE / 2, empty, fontsize=10, va="center")
    limits = limits or brightness(images)
    for i, image in enumerate(images):
        middle = _MARGIN + i % columns * cell[0] + (cell[0] - _GAP) / 2
        y = top + i // columns * cell[1] + _LINE * lines
        x = middle - box[0] / 2
        draw(ax, image, (x, x + box[0], y + box[1], y), cmap, limits)
        if frames:
            _frame(ax, (x, y), box, frames[i])
        ax.text(middle, y - 0.04, labels[i], fontsize=8, ha="center", va="bottom", linespacing=1.15)
    if bar and len(images):
        top += _LINE * lines
        long = min(1.6, height - top - _MARGIN)
        width = figure.get_figwidth()
        place = (inner + 2 * _MARGIN) / width, 1 - (top + long) / height, 0.12 / width, long / height
        figure.colorbar(ax.images[0], cax=figure.add_axes(place)).ax.tick_params(labelsize=8)
    return figure


def sheet(width: float, height: float) -> tuple[Any, Any]:
    """A figure, and axes over all of it whose units are inches from its top left corner."""
    figure = new_figure((width, height), layout=None)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.set_axis_off()
    return figure, ax


def draw(
    ax: Any,
    image: np.ndarray,
    place: tuple[float, float, float, float],
    cmap: str,
    limits: tuple[float, float],
) -> None:
    """An image in left, right, bottom, top of a sheet; the sheet's limits stay."""
    if image.ndim == 3:  # matplotlib knows colours of 0 to 1 or 0 to 255 alone
        low, high = limits
        image = np.clip((image - low) / ((high - low) or 1.0), 0.0, 1.0)
    x, y = ax.get_xlim(), ax.get_ylim()
    ax.imshow(image, cmap=cmap, vmin=limits[0], vmax=limits[1], extent=place, aspect="auto", interpolation="nearest")
    ax.set(xlim=x, ylim=y)


def _box(shape: tuple[int, ...]) -> tuple[float, float]:
    """Width and height of the largest box of an image's proportions in a square; a very long image is not made a line."""
    height, width = shape
    longer = max(height, width)
    return max(0.1, _TILE * width / longer), max(0.1, _TILE * height / longer)


def _frame(ax: Any, corner: tuple[float, float], box: tuple[float, float], frame: Frame) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle(corner, *box, fill=False, edgecolor=frame.colour, linestyle=frame.style, linewidth=2.5))
