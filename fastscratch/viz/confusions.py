"""The confusion matrix beside its most frequent confusions."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .axes import COLOURS, as_array, at_least_one, new_figure, plain
from .confusion import ConfusionMatrixDisplay


class Confusion(NamedTuple):
    """How often samples of one class were taken for another; both by their numbers."""

    true: int
    predicted: int
    samples: int
    share: float  # of the samples of the true class


def most_confused(confusion_matrix: Any, count: int = 10) -> list[Confusion]:
    """The most frequent confusions, by falling count; those that did not happen are left out.

    Parameters
    ----------
    confusion_matrix : ndarray of int, shape (classes, classes)
        Rows are true classes, columns predicted ones.
    count : int
        At most so many.

    Examples
    --------
    >>> most_confused([[8, 2], [1, 9]], count=1)
    [Confusion(true=0, predicted=1, samples=2, share=0.2)]
    """
    matrix = as_array(confusion_matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"a confusion matrix is square, got shape {matrix.shape}")
    at_least_one(count)
    totals = matrix.sum(1)
    off = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    order = [divmod(int(at), len(matrix)) for at in np.argsort(-off, axis=None, kind="stable")[:count]]
    return [Confusion(i, j, int(off[i, j]), float(off[i, j] / totals[i])) for i, j in order if off[i, j] > 0]


def plot_confusions(confusion_matrix: Any, *, classes: Sequence[Any] | None = None, count: int = 10) -> Any:
    """A confusion matrix, and bars for its most frequent confusions.

    Parameters
    ----------
    confusion_matrix : ndarray of int, shape (classes, classes)
        As `fastscratch.metrics.confusion_matrix` counts it.
    classes : sequence, optional
        The names of the classes; their numbers if not given.
    count : int
        At most so many bars.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the matrix is not square and of counts, or there are not as many names as classes.
    """
    from matplotlib.colors import PowerNorm

    matrix = as_array(confusion_matrix)
    if matrix.dtype.kind not in "iu" or (matrix.size and matrix.min() < 0):
        raise ValueError(f"a confusion matrix of counts is wanted, got {matrix.dtype}")
    top = most_confused(matrix, count)
    display = ConfusionMatrixDisplay(matrix, display_labels=classes)
    side = max(3.2, 1.4 + 0.42 * len(matrix))
    names = [plain(name) for name in display.display_labels]
    words = 0.08 * max(map(len, names))  # inches of a name: once beside the matrix, twice beside the bars
    figure = new_figure((side + 4.2 + 3 * words, side + 0.2 + words))
    left, right = figure.subplots(1, 2, width_ratios=(side + words, 4.0 + 2 * words))
    # Confusions are rare: the root keeps one in a thousand visible.
    norm = PowerNorm(0.4, vmin=0, vmax=max(1, int(matrix.max())))
    display.plot(ax=left, colorbar=False, im_kw={"norm": norm})
    total, wrong = int(matrix.sum()), int(matrix.sum() - np.trace(matrix))
    left.set_title(
        f"{total - wrong:,} of {total:,} right" + (f", {(total - wrong) / total:.2%}" if total else ""), size=10
    )
    _bars(right, top, names)
    if top:
        shown = sum(confusion.samples for confusion in top)
        right.set_title(f"most frequent confusions: {shown:,} of {wrong:,} errors", fontsize=10)
    return figure


def _bars(ax: Any, top: Sequence[Confusion], names: Sequence[str]) -> None:
    """The most frequent one on top, with its count and its share of the true class."""
    if not top:
        ax.set_axis_off()
        ax.text(0.5, 0.5, "no confusions", ha="center", va="center", transform=ax.transAxes)
        return
    from matplotlib.ticker import MaxNLocator

    places = range(len(top))
    bars = ax.barh(places, [c.samples for c in top], color=COLOURS[0])
    ax.bar_label(bars, [f"{c.samples:,} ({c.share:.1%})" for c in top], padding=3, fontsize=8)
    ax.set_yticks(places, [f"{names[c.true]} → {names[c.predicted]}" for c in top])
    ax.set(xlim=(0, 1.35 * top[0].samples), xlabel="samples (share of the true class)", ylabel="true → predicted")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.invert_yaxis()
    ax.spines[["top", "right"]].set_visible(False)
