"""ConfusionMatrixDisplay: how often each class was taken for each other one."""

from typing import Any, Literal, Self

import numpy as np

from ..metrics import confusion_matrix
from .axes import axes_for, plain

Normalize = Literal["true", "pred", "all"] | None


class ConfusionMatrixDisplay:
    """A confusion matrix with its numbers in shaded cells, under scikit-learn's name.

    Parameters
    ----------
    confusion_matrix : ndarray, shape (n_classes, n_classes)
        Rows are true classes, columns predicted ones.
    display_labels : sequence, optional
        The names of the classes; 0, 1, ... if not given.

    Attributes
    ----------
    ax_, figure_, im_
        After plot: matplotlib's axes, figure and image.

    Examples
    --------
    >>> display = ConfusionMatrixDisplay.from_predictions(["a", "b", "b"], ["a", "a", "b"])
    >>> display.confusion_matrix.tolist()
    [[1, 0], [1, 1]]
    """

    def __init__(self, confusion_matrix: Any, *, display_labels: Any = None) -> None:
        matrix = np.asarray(confusion_matrix)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not len(matrix):
            raise ValueError(f"a confusion matrix is square and has a class at least, got shape {matrix.shape}")
        labels = np.arange(len(matrix)) if display_labels is None else np.asarray(display_labels)
        if len(labels) != len(matrix):
            raise ValueError(f"{len(matrix)} classes need as many display_labels, got {len(labels)}")
        self.confusion_matrix = matrix
        self.display_labels = labels

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        labels: Any = None,
        normalize: Normalize = None,
        display_labels: Any = None,
        ax: Any = None,
        cmap: Any = "Blues",
        values_format: str | None = None,
    ) -> Self:
        """Count, and plot; with normalize, shares of the true class (rows), the predicted one (columns) or all samples."""
        counts = confusion_matrix(y_true, y_pred, labels=labels)
        if display_labels is None:
            display_labels = labels if labels is not None else np.unique([np.asarray(y_true), np.asarray(y_pred)])
        display = cls(_shares(counts, normalize), display_labels=display_labels)
        return display.plot(ax=ax, cmap=cmap, values_format=values_format)

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Any, **options: Any) -> Self:
        """Of the predictions for X; the options are those of `from_predictions`."""
        return cls.from_predictions(y, estimator.predict(X), **options)

    def plot(
        self,
        *,
        ax: Any = None,
        cmap: Any = "Blues",
        values_format: str | None = None,
        colorbar: bool = True,
        im_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw, on axes of its own if none are given; im_kw goes to matplotlib's imshow."""
        self.ax_ = axes_for(ax, (1.8 + 0.42 * len(self.confusion_matrix), 1.4 + 0.42 * len(self.confusion_matrix)))
        self.figure_ = self.ax_.figure
        matrix = self.confusion_matrix
        self.im_ = self.ax_.imshow(matrix, **{"cmap": cmap, **(im_kw or {"vmin": 0, "vmax": matrix.max() or 1})})
        values_format = values_format or ("d" if matrix.dtype.kind in "iu" else ".2f")
        for (i, j), value in np.ndenumerate(matrix):
            colour = "white" if self.im_.norm(value) > 0.5 else "black" if value else "#999999"
            self.ax_.text(j, i, format(value, values_format), ha="center", va="center", color=colour, fontsize=8)
        places = np.arange(len(matrix))
        self.ax_.set(xlabel="predicted", ylabel="true", xticks=places, yticks=places)
        names = [plain(label) for label in self.display_labels]
        slanted: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        self.ax_.set_xticklabels(names, **(slanted if max(map(len, names), default=0) > 3 else {}))
        self.ax_.set_yticklabels(names)
        if colorbar:
            self.figure_.colorbar(self.im_, ax=self.ax_, shrink=0.8)
        return self


def _shares(counts: np.ndarray, normalize: Normalize) -> np.ndarray:
    if normalize is None:
        return counts
    axes: dict[str, Any] = {"true": 1, "pred": 0, "all": (0, 1)}
    if normalize not in axes:
        raise ValueError(f"normalize must be 'true', 'pred', 'all' or None, got {normalize!r}")
    return np.asarray(counts / np.maximum(1, counts.sum(axis=axes[normalize], keepdims=True)))
