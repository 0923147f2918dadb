"""LearningCurveDisplay: scores against the number of training samples."""

from typing import Any, Self

import numpy as np

from ..model_selection import learning_curve
from .axes import COLOURS, axes_for


class LearningCurveDisplay:
    """Mean scores over the folds with a band of one standard deviation, under scikit-learn's name.

    Parameters
    ----------
    train_sizes : ndarray, shape (n_sizes,)
    train_scores, test_scores : ndarray, shape (n_sizes, n_folds)
    score_name : str, optional

    Attributes
    ----------
    ax_, figure_, lines_
        After plot.

    Examples
    --------
    >>> display = LearningCurveDisplay(train_sizes=[10, 20], train_scores=[[1.0], [1.0]], test_scores=[[0.5], [0.75]])
    >>> [line.get_label() for line in display.plot().lines_]
    ['train', 'test']
    """

    def __init__(self, *, train_sizes: Any, train_scores: Any, test_scores: Any, score_name: str | None = None) -> None:
        self.train_sizes = np.asarray(train_sizes)
        self.train_scores, self.test_scores = np.asarray(train_scores), np.asarray(test_scores)
        self.score_name = score_name
        for name in ("train_scores", "test_scores"):
            shape = getattr(self, name).shape
            if len(shape) != 2 or shape[0] != len(self.train_sizes):
                raise ValueError(f"{name} must have shape ({len(self.train_sizes)}, n_folds), got {shape}")

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, score_name: str | None = None, ax: Any = None, **options: Any
    ) -> Self:
        """Fit and score by :func:`fastscratch.model_selection.learning_curve`, which the options go to, and plot."""
        sizes, train, test = learning_curve(estimator, X, y, **options)
        return cls(train_sizes=sizes, train_scores=train, test_scores=test, score_name=score_name).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw both curves."""
        self.ax_ = axes_for(ax)
        self.figure_ = self.ax_.figure
        self.lines_ = []
        for name, scores, colour in (("train", self.train_scores, COLOURS[0]), ("test", self.test_scores, COLOURS[1])):
            mean, spread = scores.mean(1), scores.std(1)
            self.lines_ += self.ax_.plot(self.train_sizes, mean, "o-", color=colour, label=name)
            self.ax_.fill_between(self.train_sizes, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0)
        self.ax_.set(xlabel="training samples", ylabel=self.score_name or "score")
        self.ax_.legend()
        self.ax_.grid(alpha=0.3)
        return self
