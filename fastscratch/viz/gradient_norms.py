"""The norm of each layer's gradient over the epochs: where it vanishes, where it explodes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .axes import MARKERS, axes_for_figure, plain
from .history import Rows, rows_of


def plot_gradient_norms(norms: Any, *, epochs: Sequence[float] | None = None, ax: Any = None) -> Any:
    """A line for each layer on a logarithmic axis, from dark for the first to light for the last.

    Parameters
    ----------
    norms : mapping of str to sequence of float, rows, or path
        Of each layer, in their order, the norm of its gradient in each epoch. Or what `fastscratch.train.GradientNorms`
        left: its ``rows``, its file, or the folder of the run; the norms of a layer's parameters are then joined to one.
        Zeros and what is not finite are left out of the picture.
    epochs : sequence of float, optional
        1, 2, ... if not given; rows know theirs.
    ax : matplotlib.axes.Axes, optional
        New ones in a figure of their own if not given.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no layer, a norm is negative, or layers have different numbers of epochs.
    OSError
        If a file cannot be read.
    """
    if not isinstance(norms, Mapping):
        rows = rows_of(norms, "gradients.jsonl")
        norms, epochs = _by_layer(rows), [row["epoch"] for row in rows]
    if not norms:
        raise ValueError("no layers to draw")
    lines = {str(name): np.asarray(values, dtype=np.float64) for name, values in norms.items()}
    count = len(next(iter(lines.values()))) if epochs is None else len(epochs)
    for name, values in lines.items():
        if values.shape != (count,):
            raise ValueError(f"layer {name!r} needs {count} norms, one for each epoch, got shape {values.shape}")
        if np.any(values < 0):
            raise ValueError(f"norms are not negative, layer {name!r} has {values.min()}")
    ax = axes_for_figure(ax, (6.6, max(3.6, 0.9 + 0.2 * min(20, len(lines)))))
    _draw(ax, lines, np.arange(1, count + 1) if epochs is None else np.asarray(epochs))
    return ax.figure


def _by_layer(rows: Rows) -> dict[str, np.ndarray]:
    """The norm of all of a layer's parameters together, NaN in epochs that do not have it."""
    names = dict.fromkeys(name for row in rows for name in row if name != "epoch")
    squares: dict[str, np.ndarray] = {}
    for name in names:
        values = np.array([row.get(name, math.nan) for row in rows], dtype=np.float64)
        layer = name.rpartition(".")[0] or name
        squares[layer] = squares.get(layer, 0.0) + values**2
    return {layer: np.sqrt(total) for layer, total in squares.items()}


def _draw(ax: Any, lines: Mapping[str, np.ndarray], epochs: np.ndarray) -> None:
    from matplotlib import colormaps
    from matplotlib.ticker import MaxNLocator

    shades = colormaps["viridis"](np.linspace(0, 0.9, len(lines)))
    for i, (name, values) in enumerate(lines.items()):
        shown = np.where(np.isfinite(values) & (values > 0), values, np.nan)
        label = plain(name) + (" (all zero)" if values.size and not values.any() else "")
        ax.plot(epochs, shown, marker=MARKERS[i % len(MARKERS)], markersize=4.5, lw=1.5, color=shades[i], label=label)
    ax.set_yscale("log")
    _few_ticks(ax)
    ax.set(xlabel="epoch", ylabel="norm of the gradient")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.3)
    ax.legend(
        title="layer",
        title_fontsize=8,
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        fontsize=8,
        frameon=False,
        ncols=math.ceil(len(lines) / 20),
    )


def _few_ticks(ax: Any) -> None:
    """At 1, 2 and 5 where the norms are near each other, else at powers of ten; written out."""
    from matplotlib.ticker import LogLocator, NullLocator

    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 200 * low else (1.0,)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_locator(NullLocator())
