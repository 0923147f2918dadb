"""EmbeddingDisplay: points in the plane, in the colours of their classes."""

from typing import Any, Self

import numpy as np

from ..tensor import Tensor
from .axes import axes_for, colours_of, plain


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
        if not np.isfinite(self.points).all():
            raise ValueError("an embedding has finite points, these have NaN or infinity")
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
        if names and len(classes):
            self._write_names(
                classes, np.array([np.median(self.points[codes == c, :2], 0) for c in range(len(classes))])
            )

    def _write_names(self, classes: np.ndarray, places: np.ndarray) -> None:
        """Each at its place, or as near to it as leaves the others' names readable."""
        texts = [plain(name) for name in classes]
        inches = self.ax_.get_position().size * self.figure_.get_size_inches()
        # Of the axes' range: that of the points, and a margin.
        boxes = np.array([[0.1 * len(text) + 0.15, 0.26] for text in texts]) / inches
        low, span = self.points[:, :2].min(0), np.ptp(self.points[:, :2], axis=0)
        span[span == 0] = 1.0
        for code, place in enumerate(apart((places - low) / span, 1.1 * boxes)):
            # A name that stays is where the median is to the bit, not where two roundings bring it.
            moved = not np.array_equal(place, (places[code] - low) / span)
            at = low + place * span if moved else places[code]
            box = {"facecolor": "white", "alpha": 0.8, "edgecolor": colours_of(np.array([code]))[0], "pad": 2}
            self.ax_.text(*at, texts[code], ha="center", va="center", fontsize=10, bbox=box)


def apart(places: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Centres of boxes that do not overlap: each at its place if that is free, else on the least free ring around it.

    >>> apart(np.array([[0.0, 0.0], [0.0, 0.0], [5.0, 5.0]]), np.ones((3, 2))).tolist()
    [[0.0, 0.0], [1.0, 0.0], [5.0, 5.0]]
    """
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    ring = np.round(np.stack([np.cos(angles), np.sin(angles)], 1), 12)
    done: list[np.ndarray] = []
    for place, box in zip(places, boxes, strict=True):
        candidates = [place, *(place + radius / 4 * box * at for radius in range(1, 4 * len(places)) for at in ring)]
        done.append(next((c for c in candidates if _free(c, box, done, boxes)), place))
    return np.array(done)


def _free(place: np.ndarray, box: np.ndarray, others: list[np.ndarray], boxes: np.ndarray) -> bool:
    return all(
        np.any(np.abs(place - other) >= (box + theirs) / 2) for other, theirs in zip(others, boxes, strict=False)
    )
