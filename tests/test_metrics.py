"""Metrics: by hand, and streaming equal to whole."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastscratch as fs
from fastscratch.metrics import (
    Accuracy,
    ConfusionMatrix,
    Mean,
    MeanSquaredError,
    accuracy,
    accuracy_score,
    adjusted_rand_score,
    confusion_matrix,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    purity_score,
    r2_score,
    top_k_accuracy,
)

SCORES = np.array([[0.1, 0.7, 0.2], [0.5, 0.5, 0.0], [0.2, 0.3, 0.5], [0.9, 0.0, 0.1]], np.float32)
TARGETS = np.array([1, 1, 0, 0])


def test_accuracy() -> None:
    assert accuracy(SCORES, TARGETS) == 0.5  # the tie goes to the first
    assert accuracy(fs.tensor(SCORES), fs.tensor(TARGETS)) == 0.5
    assert accuracy(SCORES, np.eye(3)[TARGETS]) == 0.5
    assert accuracy(SCORES.argmax(1), TARGETS) == 0.5
    assert accuracy(np.stack([SCORES, SCORES[::-1]], axis=-1), np.stack([TARGETS, TARGETS], axis=-1)) == 0.375
    assert accuracy_score(["a", "b"], ["a", "c"]) == 0.5


def test_top_k() -> None:
    assert [top_k_accuracy(SCORES, TARGETS, k) for k in (1, 2, 3)] == [0.5, 0.75, 1.0]
    rng = np.random.default_rng(0)
    scores, targets = rng.integers(0, 4, (50, 8)).astype(float), rng.integers(0, 8, 50)
    best = np.argsort(-scores, axis=1, kind="stable")
    for k in range(1, 9):
        assert top_k_accuracy(scores, targets, k) == np.mean(
            [t in row[:k] for t, row in zip(targets, best, strict=True)]
        )
    assert top_k_accuracy([[math.nan, 1.0, 0.5]], [1], 2) == 1.0
    assert top_k_accuracy([[math.nan, math.nan, 0.5]], [2], 2) == 0.0


def test_confusion_matrix() -> None:
    true, predicted = [2, 0, 2, 2, 0, 1], [0, 0, 2, 2, 0, 2]
    expected = [[2, 0, 0], [0, 0, 1], [1, 0, 2]]
    assert confusion_matrix(true, predicted).tolist() == expected
    assert confusion_matrix(true, predicted, labels=range(3)).tolist() == expected
    assert confusion_matrix(true, predicted, labels=[2, 0]).tolist() == [[2, 1], [0, 2]]
    assert confusion_matrix(true, predicted, labels=range(4)).shape == (4, 4)
    assert confusion_matrix(["a", "b"], ["b", "b"]).tolist() == [[0, 1], [0, 1]]
    assert confusion_matrix([], [], labels=[0, 1]).tolist() == [[0, 0], [0, 0]]


def test_mean_squared_error_is_summed_in_double() -> None:
    big = np.full(1000, 1e30, np.float32)
    assert mean_squared_error(big, -big) == pytest.approx(4e60, rel=1e-6)


def test_streaming_equals_whole() -> None:
    rng = np.random.default_rng(1)
    scores, targets = rng.standard_normal((23, 5)), rng.integers(0, 5, 23)
    metrics: list[tuple[Any, Any]] = [
        (Accuracy(), accuracy(scores, targets)),
        (Accuracy(top_k=2), top_k_accuracy(scores, targets, 2)),
        (ConfusionMatrix(5), confusion_matrix(targets, scores.argmax(1), labels=range(5))),
    ]
    for metric, whole in metrics:
        for _ in range(2):
            for part in (slice(0, 9), slice(9, 10), slice(10, 23)):
                metric.update(fs.tensor(scores[part]), fs.tensor(targets[part]))
            np.testing.assert_array_equal(metric.compute(), whole)
            metric.reset()
    mse = MeanSquaredError()
    mse.update(scores[:9], 0 * scores[:9])
    mse.update(scores[9:], 0 * scores[9:])
    assert mse.compute() == pytest.approx(np.mean(scores**2), rel=1e-14)


def test_mean() -> None:
    loss = Mean()
    assert math.isnan(loss.compute())
    loss.update(fs.tensor(1.0), count=3)
    loss.update(2.0)
    assert loss.compute() == 1.25


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: accuracy(SCORES, TARGETS[:3]), ValueError, r"\(4, 3\) do not go with targets of shape \(3,\)"),
        (lambda: accuracy(SCORES[:, 0], TARGETS), ValueError, r"scores of shape \(4,\) do not go"),
        (lambda: accuracy(SCORES[:0], TARGETS[:0]), ValueError, "no samples"),
        (lambda: top_k_accuracy(SCORES, TARGETS, 0), ValueError, "k must be at least 1, got 0"),
        (lambda: top_k_accuracy(SCORES, TARGETS + 2, 2), IndexError, r"targets must be in \[0, 3\), got 2 .. 3"),
        (lambda: accuracy_score([1], [1, 2]), ValueError, r"one shape, got \(1,\) and \(2,\)"),
        (lambda: mean_squared_error([], []), ValueError, "no samples"),
        (lambda: confusion_matrix([0], [0], labels=[0, 0]), ValueError, r"twice in \[0, 0\]"),
    ],
)
def test_refused(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


# ---- of estimators ----


def test_mean_absolute_error_and_weights() -> None:
    assert mean_absolute_error([1.0, 2.0, 3.0], [1.0, 4.0, 2.0]) == 1.0
    assert mean_absolute_error([1.0, 2.0], [2.0, 4.0], sample_weight=[3.0, 1.0]) == 1.25
    assert mean_squared_error([1.0, 2.0], [2.0, 4.0], sample_weight=[3.0, 1.0]) == 1.75
    assert accuracy_score([1, 2], [1, 1], sample_weight=[3.0, 1.0]) == 0.75
    with pytest.raises(ValueError, match=r"sample_weight must have shape \(2,\), got \(3,\)"):
        accuracy_score([1, 2], [1, 1], sample_weight=[1.0, 1.0, 1.0])


def test_r2_score() -> None:
    y = np.array([1.0, 2.0, 4.0])
    assert r2_score(y, y) == 1
    assert r2_score(y, np.full(3, y.mean())) == 0
    assert r2_score(np.stack([y, y], 1), np.stack([y, np.full(3, y.mean())], 1)) == 0.5
    assert r2_score([2.0, 2.0], [2.0, 2.0]) == 1
    assert r2_score([2.0, 2.0], [2.0, 3.0]) == 0
    assert r2_score([1.0, 2.0, 9.0], [1.0, 2.0, 5.0], sample_weight=[1.0, 1.0, 0.0]) == 1


def test_log_loss() -> None:
    assert log_loss(["a", "b"], [[0.5, 0.5], [0.25, 0.75]]) == pytest.approx(-np.log([0.5, 0.75]).mean())
    assert log_loss([0, 1], [0.5, 0.75]) == pytest.approx(-np.log([0.5, 0.75]).mean())
    assert log_loss([0, 0], [[0.5, 0.5], [1.0, 0.0]], labels=[0, 1]) == pytest.approx(np.log(2) / 2)
    assert math.isfinite(log_loss([0, 1], [[0.0, 1.0], [0.0, 1.0]]))
    with pytest.raises(ValueError, match="2 labels of 1 classes do not go with probabilities"):
        log_loss([0, 0], [[0.5, 0.5], [1.0, 0.0]])
    with pytest.raises(ValueError, match="which is not among the labels"):
        log_loss([0, 2], [[0.5, 0.5], [1.0, 0.0]], labels=[0, 1])


def test_clusterings() -> None:
    true, found = [0, 0, 0, 1, 1, 2], [1, 1, 2, 2, 2, 0]
    # pairs: 15; together in both 2, in the first 4, in the second 4: (2 - 16/15) / (4 - 16/15)
    assert adjusted_rand_score(true, found) == pytest.approx((2 - 16 / 15) / (4 - 16 / 15))
    assert adjusted_rand_score(true, [7, 7, 7, 3, 3, 5]) == 1
    assert adjusted_rand_score([0, 0], [1, 1]) == 1
    assert purity_score(true, found) == pytest.approx(5 / 6)
