"""DecisionBoundaryDisplay: what an estimator answers everywhere in a plane of two features."""

from typing import Any, Self

import numpy as np

from ..tensor import Tensor
from .axes import MARKERS, axes_for, colours_of, plain

PLOTS = ("contourf", "contour", "pcolormesh")
RESPONSES = ("auto", "predict", "predict_proba", "decision_function")


class DecisionBoundaryDisplay:
    """The response of an estimator on a grid of points, under scikit-learn's name.

    Parameters
    ----------
    xx0, xx1 : ndarray, shape (grid_resolution, grid_resolution)
        The two features at the points.
    response : ndarray, same shape
        For classes, their numbers in the order of ``classes``.
    classes : ndarray, optional

    Attributes
    ----------
    surface_, ax_, figure_
        After plot: a list of what matplotlib drew, one for each class or one in all, and where.

    Examples
    --------
    >>> from fastscratch.data import make_moons
    >>> from fastscratch.neural_network import MLPClassifier
    >>> X, y = make_moons(50, random_state=0)
    >>> model = MLPClassifier(max_iter=5, tol=10, n_iter_no_change=1, random_state=0).fit(X, y)
    >>> DecisionBoundaryDisplay.from_estimator(model, X, y, grid_resolution=20).response.shape
    (20, 20)
    """

    def __init__(
        self,
        *,
        xx0: Any,
        xx1: Any,
        response: Any,
        classes: Any = None,
        xlabel: str | None = None,
        ylabel: str | None = None,
    ) -> None:
        self.xx0, self.xx1, self.response = xx0, xx1, response
        self.classes = classes
        self.xlabel, self.ylabel = xlabel, ylabel

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        grid_resolution: int = 200,
        eps: float = 0.5,
        plot_method: str = "contourf",
        response_method: str = "auto",
        class_of_interest: Any = None,
        xlabel: str | None = None,
        ylabel: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Ask a fitted estimator of two features at every point of a grid around X, and plot.

        Parameters
        ----------
        y : array, shape (n_samples,), optional
            The classes of X: its points are drawn over the surface in their colours.
        eps : float
            How far the grid goes beyond X.
        response_method : {"auto", "predict", "predict_proba", "decision_function"}
            "auto" is predict. Of probabilities and scores of several classes, class_of_interest's are drawn.
        """
        points = np.asarray(X.detach().array if isinstance(X, Tensor) else X, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"a decision boundary is drawn over two features, got X of shape {points.shape}")
        if grid_resolution < 2 or not eps >= 0:
            raise ValueError(f"grid_resolution must be at least 2 and eps at least 0, got {grid_resolution} and {eps}")
        if not len(points) or not np.isfinite(points).all():
            raise ValueError("a decision boundary needs finite points, one at least")
        low, high = points.min(0) - eps, points.max(0) + eps
        xx0, xx1 = np.meshgrid(*(np.linspace(a, b, grid_resolution) for a, b in zip(low, high, strict=True)))
        grid = np.stack([xx0.ravel(), xx1.ravel()], 1)
        response, classes = _ask(estimator, grid, response_method, class_of_interest)
        display = cls(
            xx0=xx0, xx1=xx1, response=response.reshape(xx0.shape), classes=classes, xlabel=xlabel, ylabel=ylabel
        )
        display.plot(plot_method, ax=ax, **kwargs)
        if y is not None:
            display.scatter(points, y, getattr(estimator, "classes_", None))
        return display

    def plot(self, plot_method: str = "contourf", *, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the surface; kwargs go to matplotlib's method."""
        if plot_method not in PLOTS:
            raise ValueError(f"plot_method must be one of {PLOTS}, got {plot_method!r}")
        self.ax_ = axes_for(ax)
        self.figure_ = self.ax_.figure
        kwargs.setdefault("alpha", 0.35 if plot_method != "contour" else 1.0)
        draw = getattr(self.ax_, plot_method)
        if self.classes is None or "cmap" in kwargs or "colors" in kwargs:
            self.surface_ = [draw(self.xx0, self.xx1, self.response, **kwargs)]
        else:
            self.surface_ = [
                _draw_class(draw, plot_method, (self.xx0, self.xx1), self.response == code, colour, kwargs)
                for code, colour in enumerate(colours_of(np.arange(len(self.classes))))
            ]
        self.ax_.set(xlabel=self.xlabel, ylabel=self.ylabel)
        return self

    def scatter(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Draw points in the colours and with the markers of their classes."""
        y = np.asarray(y.array if isinstance(y, Tensor) else y)
        known = np.unique(y) if classes is None else np.asarray(classes)
        for code, name in enumerate(known):
            own, marker = np.asarray(X)[y == name], MARKERS[code % len(MARKERS)]
            look: dict[str, Any] = {"s": 18, "marker": marker, "edgecolor": "white", "linewidth": 0.4}
            self.ax_.scatter(*own.T, color=colours_of(np.array([code])), label=plain(name), **look)
        self.ax_.legend(loc="upper right", fontsize=8)
        return self


def _ask(estimator: Any, grid: np.ndarray, method: str, wanted: Any) -> tuple[np.ndarray, Any]:
    """The response to be drawn, and the classes if it is their numbers."""
    if method not in RESPONSES:
        raise ValueError(f"response_method must be one of {RESPONSES}, got {method!r}")
    classes = getattr(estimator, "classes_", None)
    if method in ("auto", "predict"):
        predicted = np.asarray(estimator.predict(grid))
        return (predicted, None) if classes is None else (np.searchsorted(classes, predicted), classes)
    scores = np.asarray(getattr(estimator, method)(grid))
    if scores.ndim == 1:
        return scores, None
    if wanted is None and scores.shape[1] > 2:
        raise ValueError(f"{method} gives {scores.shape[1]} columns: class_of_interest must say which is to be drawn")
    column = scores.shape[1] - 1 if wanted is None else int(np.flatnonzero(classes == wanted)[0])
    return scores[:, column], None


def _draw_class(
    draw: Any, plot_method: str, place: tuple[Any, Any], inside: np.ndarray, colour: str, kwargs: Any
) -> Any:
    """One class by itself: contours of the numbers would draw a seam of class 1 between 0 and 2."""
    if plot_method == "pcolormesh":
        from matplotlib.colors import ListedColormap

        return draw(*place, np.where(inside, 1.0, np.nan), cmap=ListedColormap([colour]), **kwargs)
    levels, colours = ([0.5, 1.5], [colour]) if plot_method == "contourf" else ([0.5], ["black"])
    return draw(*place, inside.astype(float), levels=levels, colors=colours, **kwargs)
