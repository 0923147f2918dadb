"""EmbeddingDisplay: points in the plane, in the colours of their classes."""

from typing import Any, Self

import numpy as np

from ..tensor import Tensor
from .axes import axes_for, colours_of


class EmbeddingDisplay:
    """An embedding in two dimensions, such as t-SNE's or the first two principal components.

    Parameters
    ----------
    points : Tensor or ndarray, shape (n_samples, 2 or more)
        The first two columns are drawn.
    labels : ndarray, shape (n_samples,), optional
        The class of each point.

    Attributes
    ----------
    ax_, figure_
        After plot.

    Examples
    --------
    >>> EmbeddingDisplay([[0.0, 1.0], [1.0, 0.0]], labels=["a", "b"]).plot().points.shape
    (2, 2)
    """

    def __init__(self, points: Any, *, labels: Any = None) -> None:
        self.points = np.asarray(points.detach().array if isinstance(points, Tensor) else points, dtype=np.float64)
        if self.points.ndim != 2 or self.points.shape[1] < 2:
            raise ValueError(f"an embedding has two columns at least, got shape {self.points.shape}")
        self.labels = None if labels is None else np.asarray(labels.array if isinstance(labels, Tensor) else labels)
        if self.labels is not None and self.labels.shape != (len(self.points),):
            raise ValueError(f"{len(self.points)} points need as many labels, got shape {self.labels.shape}")

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Any = None, *, ax: Any = None, **options: Any) -> Self:
        """Of ``estimator.fit_transform(X)``; y are the classes. The options are those of `plot`."""
        return cls(estimator.fit_transform(X), labels=y).plot(ax=ax, **options)

    def plot(self, *, ax: Any = None, size: float | None = None, names: bool = True) -> Self:
        """Draw the points; with names, each class's name at the median of its points."""
        self.ax_ = axes_for(ax, (6.0, 5.6))
        self.figure_ = self.ax_.figure
        size = size or float(np.clip(20_000 / max(1, len(self.points)), 1.0, 30.0))
        if self.labels is None:
            self.ax_.scatter(*self.points[:, :2].T, s=size, linewidth=0)
        else:
            self._plot_classes(size, names)
        self.ax_.set(xticks=[], yticks=[])
        return self

    def _plot_classes(self, size: float, names: bool) -> None:
        assert self.labels is not None
        classes, codes = np.unique(self.labels, return_inverse=True)
        order = np.random.default_rng(0).permutation(len(codes))  # or the last class would cover the others
        self.ax_.scatter(*self.points[order, :2].T, s=size, c=colours_of(codes[order]), linewidth=0)
        for code, name in enumerate(classes if names else ()):
            at = np.median(self.points[codes == code, :2], axis=0)
            box = {"facecolor": "white", "alpha": 0.8, "edgecolor": colours_of(np.array([code]))[0], "pad": 2}
            self.ax_.text(*at, str(name), ha="center", va="center", fontsize=10, bbox=box)
