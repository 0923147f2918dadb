"""How good predictions are: functions of one batch or of a whole set, and objects that add up over batches.

scikit-learn's names take (y_true, y_pred), as there; what a training loop measures takes (output, target), like a loss.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from .tensor import Tensor

__all__ = [
    "Accuracy",
    "ConfusionMatrix",
    "Mean",
    "MeanSquaredError",
    "accuracy",
    "accuracy_score",
    "adjusted_rand_score",
    "confusion_matrix",
    "log_loss",
    "mean_absolute_error",
    "mean_squared_error",
    "purity_score",
    "r2_score",
    "top_k_accuracy",
]

# ---- functions ----


def accuracy(output: Any, target: Any) -> float:
    """The share of samples whose largest score is the target's.

    Parameters
    ----------
    output : Tensor or array, shape (N, C, ...) or, already decided, (N, ...) of integers
        Scores, logits or probabilities of C classes.
    target : Tensor or array, shape (N, ...) of integers, or (N, C, ...) of probabilities (one-hot)

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        If the shapes do not go together or there are no samples.

    Notes
    -----
    Of equal scores the first counts; NaN counts as the largest, as in argmax.

    Examples
    --------
    >>> accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1])
    0.5
    """
    return float(np.mean(_correct(_array(output), _array(target), 1)))


def top_k_accuracy(output: Any, target: Any, k: int = 5) -> float:
    """The share of samples whose target is among the k largest scores.

    Parameters
    ----------
    output : Tensor or array, shape (N, C, ...)
    target : Tensor or array, shape (N, ...) of integers in [0, C)
    k : int

    Raises
    ------
    ValueError
        If the shapes do not go together, there are no samples, or k is not positive.
    IndexError
        If a target is not in [0, C).

    Notes
    -----
    Of equal scores the first classes count.

    Examples
    --------
    >>> top_k_accuracy([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]], [1, 2], k=2)
    0.5
    """
    return float(np.mean(_correct(_array(output), _array(target), k)))


def accuracy_score(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """The share of predicted labels that are right, of the whole weight if samples are weighted.

    Examples
    --------
    >>> accuracy_score([0, 1, 2], [0, 2, 2])
    0.6666666666666666
    """
    true, predicted = _pair(y_true, y_pred)
    return _average(true == predicted, sample_weight)


def mean_squared_error(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """The mean of (y_true - y_pred)^2 over everything, in float64.

    Examples
    --------
    >>> mean_squared_error([1.0, 2.0], [1.0, 4.0])
    2.0
    """
    true, predicted = _pair(y_true, y_pred)
    return _average(np.square(true.astype(np.float64) - predicted), sample_weight)


def mean_absolute_error(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """The mean of |y_true - y_pred| over everything, in float64.

    Examples
    --------
    >>> mean_absolute_error([1.0, 2.0], [1.0, 4.0])
    1.0
    """
    true, predicted = _pair(y_true, y_pred)
    return _average(np.abs(true.astype(np.float64) - predicted), sample_weight)


def r2_score(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
    """The coefficient of determination, 1 - sum (y_true - y_pred)^2 / sum (y_true - mean)^2, the mean over the outputs.

    Parameters
    ----------
    y_true, y_pred : Tensor or array, shape (N,) or (N, outputs)
    sample_weight : array, shape (N,), optional

    Returns
    -------
    float
        1 at best; 0 for the mean itself. An output that does not vary counts 1 if it is met exactly, else 0.

    Examples
    --------
    >>> r2_score([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    0.5
    """
    true, predicted = (a.astype(np.float64).reshape(len(a), -1) for a in _pair(y_true, y_pred))
    weight = _weights(sample_weight, len(true))[:, None]
    mean = (weight * true).sum(0) / weight.sum()
    left, total = (weight * (true - predicted) ** 2).sum(0), (weight * (true - mean) ** 2).sum(0)
    ratio = np.divide(left, total, out=(left != 0).astype(np.float64), where=total != 0)
    return float(np.mean(1 - ratio))


def log_loss(y_true: Any, y_proba: Any, *, sample_weight: Any = None, labels: Any = None) -> float:
    """The mean of -log of the probability given to the true class (cross entropy, in nats).

    Parameters
    ----------
    y_true : Tensor or array, shape (N,)
        Labels.
    y_proba : Tensor or array, shape (N,) or (N, C)
        Probabilities of the second of two classes, or of all C, in the sorted order of the labels.
    labels : array, shape (C,), optional
        The classes, where not all of them occur in y_true.

    Raises
    ------
    ValueError
        If the shapes or the number of classes do not go together.

    Notes
    -----
    Probabilities are clipped to [eps, 1 - eps] of their dtype, so that a certain mistake is not infinite.

    Examples
    --------
    >>> round(log_loss([0, 1], [[0.5, 0.5], [0.25, 0.75]]), 4)
    0.4904
    """
    true, given = _array(y_true), _array(y_proba)
    known = np.unique(true if labels is None else _array(labels))
    eps = np.finfo(given.dtype if given.dtype.kind == "f" else np.float64).eps
    p = given.astype(np.float64)
    if p.ndim == 1:
        p = np.stack([1 - p, p], axis=1)
    if p.shape != (len(true), len(known)):
        raise ValueError(f"{len(true)} labels of {len(known)} classes do not go with probabilities of shape {p.shape}")
    if len(true) == 0:
        raise ValueError("there are no samples to measure")
    at = _places(true, known, np.arange(len(known)))
    if (at < 0).any():
        raise ValueError(f"y_true holds {true[at < 0][0]!r}, which is not among the labels {known.tolist()}")
    p = np.clip(p / p.sum(1, keepdims=True), eps, 1 - eps)
    return _average(-np.log(p[np.arange(len(true)), at]), sample_weight)


def adjusted_rand_score(labels_true: Any, labels_pred: Any) -> float:
    """How alike two clusterings are: 1 if they are the same but for names, about 0 if one is random.

    References
    ----------
    L. Hubert and P. Arabie, Comparing Partitions, Journal of Classification 2, 1985.

    Examples
    --------
    >>> adjusted_rand_score([0, 0, 1, 1], [1, 1, 0, 0])
    1.0
    """
    table = _contingency(labels_true, labels_pred)
    both, rows, columns = (_pairs(counts) for counts in (table, table.sum(1), table.sum(0)))
    n = int(table.sum())
    everything = n * (n - 1) / 2
    expected = rows * columns / everything if everything else 0.0
    most = (rows + columns) / 2
    return 1.0 if most == expected else float((both - expected) / (most - expected))


def purity_score(labels_true: Any, labels_pred: Any) -> float:
    """The share of samples that belong to the commonest class of their cluster.

    Examples
    --------
    >>> purity_score([0, 0, 1, 1], [5, 5, 5, 6])
    0.75
    """
    table = _contingency(labels_true, labels_pred)
    return float(table.max(0).sum() / table.sum())


def confusion_matrix(y_true: Any, y_pred: Any, *, labels: Iterable[Any] | None = None) -> np.ndarray:
    """How often each true label (row) was given each predicted label (column).

    Parameters
    ----------
    y_true, y_pred : Tensor or array, shape (N,)
    labels : iterable, optional
        Which labels, in which order; others are left out. All that occur, sorted, if not given.

    Returns
    -------
    ndarray of int64, shape (number of labels, number of labels)

    Raises
    ------
    ValueError
        If the shapes differ, or a label is listed twice.

    Examples
    --------
    >>> confusion_matrix([0, 0, 1], [0, 1, 1])
    array([[1, 1],
           [0, 1]])
    """
    true, predicted = _array(y_true), _array(y_pred)
    _need_same_shape(true, predicted)
    known = np.unique(np.concatenate([true, predicted])) if labels is None else np.asarray(list(labels))
    order = np.argsort(known, kind="stable")
    if len(np.unique(known)) != len(known):
        raise ValueError(f"a label is there twice in {known.tolist()}")
    rows, columns = (_places(values, known, order) for values in (true, predicted))
    inside = (rows >= 0) & (columns >= 0)
    n = len(known)
    return np.bincount(rows[inside] * n + columns[inside], minlength=n * n).reshape(n, n).astype(np.int64)


# ---- over many batches ----


class Mean:
    """The mean of a value over samples: update(value, count) after each batch, compute() at the end.

    Examples
    --------
    >>> loss = Mean()
    >>> loss.update(1.0, count=3)
    >>> loss.update(2.0, count=1)
    >>> loss.compute()
    1.25
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.total = 0.0
        self.count = 0

    def update(self, value: Any, count: int = 1) -> None:
        """Add the mean of a batch of this many samples."""
        self.total += float(value) * count
        self.count += count

    def compute(self) -> float:
        """The mean so far; NaN before the first update."""
        return self.total / self.count if self.count else float("nan")


class Accuracy(Mean):
    """The share of right predictions over all batches: update(output, target); with top_k, as top_k_accuracy."""

    def __init__(self, top_k: int = 1) -> None:
        self.top_k = top_k
        super().__init__()

    def update(self, output: Any, target: Any) -> None:  # type: ignore[override]
        """Add a batch."""
        correct = _correct(_array(output), _array(target), self.top_k)
        self.total += int(correct.sum())
        self.count += correct.size


class MeanSquaredError(Mean):
    """The mean of (output - target)^2 over all elements of all batches: update(output, target)."""

    def update(self, output: Any, target: Any) -> None:  # type: ignore[override]
        """Add a batch."""
        a, b = _pair(output, target)
        super().update(mean_squared_error(a, b), a.size)


class ConfusionMatrix:
    """A confusion matrix added up over batches: update(output, target), with scores (N, C) or labels (N,)."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.matrix = np.zeros((self.num_classes, self.num_classes), np.int64)

    def update(self, output: Any, target: Any) -> None:
        """Add a batch."""
        scores, true = _array(output), _array(target)
        predicted = scores.argmax(1) if scores.ndim == true.ndim + 1 else scores
        self.matrix += confusion_matrix(true.ravel(), predicted.ravel(), labels=range(self.num_classes))

    def compute(self) -> np.ndarray:
        """The counts so far: true labels in rows, predicted ones in columns."""
        return self.matrix.copy()


# ---- what they share ----


def _array(x: Any) -> np.ndarray:
    return x.array if isinstance(x, Tensor) else np.asarray(x)


def _need_same_shape(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape != b.shape:
        raise ValueError(f"what is compared must have one shape, got {a.shape} and {b.shape}")


def _pair(a: Any, b: Any) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays of one shape that are not empty."""
    x, y = _array(a), _array(b)
    _need_same_shape(x, y)
    if x.size == 0:
        raise ValueError("there are no samples to measure")
    return x, y


def _correct(output: np.ndarray, target: np.ndarray, k: int) -> np.ndarray:
    """For each sample, whether its target is among the k best classes."""
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if output.ndim == target.ndim > 1 and target.dtype.kind == "f":
        _pair(output, target)
        target = target.argmax(1)
    if output.ndim == target.ndim and output.dtype.kind != "f":
        _pair(output, target)
        return output == target
    if output.ndim != target.ndim + 1 or output.shape[:1] + output.shape[2:] != target.shape:
        raise ValueError(f"scores of shape {output.shape} do not go with targets of shape {target.shape}")
    if target.size == 0:
        raise ValueError("there are no samples to measure")
    if k == 1:
        return output.argmax(1) == target
    return _rank(output, target) < k


def _rank(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    """How many classes come before the target: larger scores, and equal ones of smaller number."""
    if target.min() < 0 or target.max() >= output.shape[1]:
        raise IndexError(f"targets must be in [0, {output.shape[1]}), got {target.min()} .. {target.max()}")
    labels = np.expand_dims(target, 1)
    score = np.take_along_axis(output, labels, 1)
    classes = np.arange(output.shape[1]).reshape(-1, *[1] * (output.ndim - 2))
    before = ~(output <= score) | ((output == score) & (classes < labels))  # NaN comes before everything
    return before.sum(1)


def _weights(sample_weight: Any, n: int) -> np.ndarray:
    weight = np.ones(n) if sample_weight is None else _array(sample_weight).astype(np.float64)
    if weight.shape != (n,):
        raise ValueError(f"sample_weight must have shape ({n},), got {weight.shape}")
    if not weight.sum() > 0:
        raise ValueError("the weights must sum to more than 0")
    return weight


def _average(values: np.ndarray, sample_weight: Any) -> float:
    """The mean, samples in the first axis weighted."""
    if sample_weight is None:
        return float(np.mean(values))
    weight = _weights(sample_weight, len(values))
    return float(np.average(values.reshape(len(values), -1).mean(1), weights=weight))


def _contingency(labels_true: Any, labels_pred: Any) -> np.ndarray:
    """How many samples of each class are in each cluster."""
    true, predicted = _pair(labels_true, labels_pred)
    classes, rows = np.unique(true, return_inverse=True)
    clusters, columns = np.unique(predicted, return_inverse=True)
    counts = np.bincount(rows * len(clusters) + columns, minlength=len(classes) * len(clusters))
    return counts.reshape(len(classes), len(clusters))


def _pairs(counts: np.ndarray) -> float:
    """The number of pairs within each count, summed."""
    return float((counts.astype(np.float64) * (counts - 1.0)).sum() / 2)


def _places(values: np.ndarray, known: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Where each value is in known, -1 where it is not; order sorts known."""
    if not len(known):
        return np.full(values.shape, -1)
    ranked = known[order]
    at = np.minimum(np.searchsorted(ranked, values), len(known) - 1)
    return np.where(ranked[at] == values, order[at], -1)
