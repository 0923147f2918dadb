"""The range test of the learning rate: the loss over the rate, and where it falls most steeply."""

from typing import Any

from ..train.lr_finder import LRRange
from .axes import COLOURS, WRONG, axes_for_figure


def plot_lr_range(found: LRRange, *, ax: Any = None) -> Any:
    """The loss of each step, its smoothed course and the suggestion.

    Parameters
    ----------
    found : LRRange
        What `fastscratch.train.find_lr` returned.
    ax : matplotlib.axes.Axes, optional
        New ones in a figure of their own if not given.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TypeError
        If found is something else.
    """
    if not isinstance(found, LRRange):
        raise TypeError(f"expected what find_lr returned, got {type(found).__name__}")
    ax = axes_for_figure(ax, (6.0, 3.8))
    ax.plot(found.lrs, found.losses, ".", color="#aaaaaa", markersize=4, label="loss of a batch")
    ax.plot(found.lrs, found.smoothed, color=COLOURS[0], lw=2, label="smoothed")
    if found.suggestion is None:
        ax.plot([], [], " ", label="no suggestion: it never falls")
    else:
        at = found.smoothed[found.lrs.index(found.suggestion)]
        ax.plot([found.suggestion], [at], "D", color=WRONG, markersize=8, label=f"steepest: {found.suggestion:.2g}")
    # What diverges at the end must not flatten all that went before.
    low, high = min(found.losses), max(found.losses[0], *found.smoothed[: len(found.smoothed) // 2 + 1])
    margin = 0.15 * (high - low) or 0.5
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(low - margin, high + 2 * margin))
    ax.legend(fontsize=8)
    ax.grid(alpha=0.3)
    return ax.figure
