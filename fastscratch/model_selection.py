"""Choosing among models, under scikit-learn's names: the split in two, folds, and scores against the number of samples.

scikit-learn's own searches (``GridSearchCV``, ``cross_val_score``) work on every estimator here.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .base import clone
from .data.split import train_test_split
from .tensor import Tensor

__all__ = ["learning_curve", "train_test_split"]

Array = np.ndarray[Any, Any]


def learning_curve(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    train_sizes: Any = (0.1, 0.325, 0.55, 0.775, 1.0),
    cv: int = 5,
    scoring: Callable[[Any, Any, Any], float] | None = None,
    random_state: Any = None,
) -> tuple[Array, Array, Array]:
    """Scores of an estimator that was fitted to more and more samples, on those and on a fold that was held out.

    Parameters
    ----------
    estimator
        Cloned for every fit.
    X, y : array, shape (n_samples, ...)
    train_sizes : sequence of float or int
        Shares of the samples that are left to train on, or numbers of them.
    cv : int
        Folds, drawn at random; a classifier's keep the shares of the classes.
    scoring : callable, optional
        scoring(estimator, X, y) -> float. Default: the estimator's score.
    random_state : int, Generator or None

    Returns
    -------
    train_sizes : ndarray of int, shape (n_sizes,)
    train_scores, test_scores : ndarray, shape (n_sizes, cv)

    Raises
    ------
    ValueError
        If there are fewer than two folds, fewer samples than folds, or a size is not among what is left to train on.

    Examples
    --------
    >>> from fastscratch.linear_model import Ridge
    >>> X = np.arange(20.0)[:, None]
    >>> sizes, train, test = learning_curve(Ridge(), X, 2 * X[:, 0], train_sizes=[0.5, 1.0], random_state=0)
    >>> sizes, test.shape
    (array([ 8, 16]), (2, 5))
    """
    X, y = (a.detach().array if isinstance(a, Tensor) else np.asarray(a) for a in (X, y))
    score = scoring or (lambda model, inputs, target: model.score(inputs, target))
    folds = list(_folds(y, cv, _is_classifier(estimator), np.random.default_rng(random_state)))
    sizes = _sizes(train_sizes, min(len(train) for train, _ in folds))
    scores = np.empty((2, len(sizes), cv))
    for fold, (train, test) in enumerate(folds):
        for i, size in enumerate(sizes):
            part = train[:size]
            model = clone(estimator).fit(X[part], y[part])
            scores[:, i, fold] = score(model, X[part], y[part]), score(model, X[test], y[test])
    return sizes, scores[0], scores[1]


def _is_classifier(estimator: Any) -> bool:
    return hasattr(estimator, "predict_proba") or hasattr(estimator, "decision_function")


def _folds(y: Array, count: int, stratify: bool, rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    """(train, test) of each fold, in random order; stratified, each fold has its share of every class."""
    if not 2 <= count <= len(y):
        raise ValueError(f"cv must be in 2 ... {len(y)}, the number of samples, got {count}")
    order = rng.permutation(len(y))
    dealt = order[np.argsort(y[order], kind="stable")] if stratify and y.ndim == 1 else order
    fold_of = np.empty(len(y), dtype=np.int64)
    fold_of[dealt] = np.arange(len(y)) % count
    for fold in range(count):
        yield order[fold_of[order] != fold], order[fold_of[order] == fold]


def _sizes(train_sizes: Any, most: int) -> Array:
    asked = np.asarray(train_sizes)
    sizes = asked if asked.dtype.kind in "iu" else (asked * most).astype(np.int64)
    if sizes.ndim != 1 or not sizes.size or sizes.min() < 1 or sizes.max() > most:
        raise ValueError(f"train_sizes must be shares in (0, 1] or numbers in 1 ... {most}, got {train_sizes}")
    return np.unique(sizes)
