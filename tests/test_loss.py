"""Losses as a user meets them: values, reductions, errors; and PyTorch beside them."""

import math
from typing import Any

import numpy as np
import pytest

import fastscratch as fs
from fastscratch.ops import loss

SCORES = np.log([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]])


def test_cross_entropy_values() -> None:
    x, t = fs.tensor(SCORES + 7), fs.tensor([0, 1])
    each = np.log([2, 8])
    np.testing.assert_allclose(loss.cross_entropy(x, t, reduction="none").numpy(), each, rtol=1e-14)
    assert loss.cross_entropy(x, t, reduction="sum").item() == pytest.approx(each.sum(), rel=1e-14)
    assert loss.cross_entropy(x, t).item() == pytest.approx(each.mean(), rel=1e-14)
    weight = fs.tensor([1.0, 3.0, 5.0], dtype=fs.float64)
    assert loss.cross_entropy(x, t, weight).item() == pytest.approx((each[0] + 3 * each[1]) / 4, rel=1e-14)
    smoothed = 0.9 * each + 0.1 * -SCORES.mean(axis=1)
    got = loss.cross_entropy(x, t, label_smoothing=0.1, reduction="none").numpy()
    np.testing.assert_allclose(got, smoothed, rtol=1e-14)


def test_cross_entropy_of_probabilities_agrees_with_labels() -> None:
    x, t = fs.tensor(SCORES), fs.tensor([0, 1])
    sure = fs.tensor(np.eye(3)[[0, 1]])
    for options in ({}, {"label_smoothing": 0.2}, {"reduction": "none"}, {"reduction": "sum"}):
        a, b = loss.cross_entropy(x, t, **options), loss.cross_entropy(x, sure, **options)
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-14)


def test_ignored_samples_count_for_nothing() -> None:
    x = fs.tensor([[0.0, 1.0], [math.nan, 1.0]], requires_grad=True)
    y = loss.cross_entropy(x, fs.tensor([1, -100]))
    y.backward()
    assert y.item() == pytest.approx(math.log(1 + math.exp(-1)))
    assert x.grad.numpy()[1].tolist() == [0, 0]
    assert loss.cross_entropy(x, fs.tensor([1, 1]), ignore_index=1, reduction="sum").item() == 0
    assert math.isnan(loss.cross_entropy(x, fs.tensor([-100, -100])).item())
    assert math.isnan(loss.nll_loss(x, fs.tensor([-100, -100])).item())


def test_scores_far_apart() -> None:
    x = fs.tensor([[1e4, -1e4]], requires_grad=True)
    y = loss.cross_entropy(x, fs.tensor([1]))
    y.backward()
    assert y.item() == 2e4
    assert x.grad.tolist() == [[1, -1]]


@pytest.mark.parametrize("function", [loss.cross_entropy, loss.nll_loss])
@pytest.mark.parametrize("label", [3, -1, 1 << 40])
def test_label_out_of_range_is_named(function: Any, label: int) -> None:
    with pytest.raises(IndexError, match=f"{function.__name__}: label {label} is out of range for 3 classes"):
        function(fs.tensor(SCORES), fs.tensor([0, label]))


def test_label_is_checked_on_the_way_back_too() -> None:
    x, lse, t = SCORES, np.zeros(2), np.array([0, 9])
    with pytest.raises(IndexError, match="cross_entropy_backward: label 9 is out of range for 3 classes"):
        fs.backend.cross_entropy_backward(np.ones(()), x, lse, t, None, -100, 0.0)


def test_kernels_refuse_shapes_that_do_not_fit() -> None:
    t = np.array([0, 1])
    with pytest.raises(ValueError, match=r"cross_entropy: x must have shape \(rows, classes\), got \(3,\)"):
        fs.backend.cross_entropy_forward(np.zeros(3), t, None, -100, 0.0)
    with pytest.raises(ValueError, match=r"cross_entropy: target must have shape \(2,\), got \(3,\)"):
        fs.backend.cross_entropy_forward(SCORES, np.zeros(3, int), None, -100, 0.0)
    with pytest.raises(ValueError, match=r"cross_entropy: weight must have shape \(3,\), got \(2,\)"):
        fs.backend.cross_entropy_forward(SCORES, t, np.ones(2), -100, 0.0)


ERRORS: list[tuple[type[Exception], str, Any, Any, dict[str, Any]]] = [
    (ValueError, r"input \(2, 3\) needs labels of shape \(2,\), got \(3,\)", fs.zeros(2, 3), fs.tensor([0, 1, 2]), {}),
    (RuntimeError, r"input \(2, 3, 4\) needs labels of shape \(2, 4\), got \(2, 5\)", fs.zeros(2, 3, 4),
     fs.tensor(np.zeros((2, 5), int)), {}),
    (RuntimeError, r"a floating target holds probabilities and must have input's shape \(2, 3\), got \(2,\)",
     fs.zeros(2, 3), fs.zeros(2), {}),
    (RuntimeError, "labels must be integers, got bool", fs.zeros(2, 3), fs.tensor([True, False]), {}),
    (RuntimeError, "expected a floating input, got int64", fs.tensor([[1, 2]]), fs.tensor([1]), {}),
    (RuntimeError, r"weight must have shape \(3,\) and dtype float32, got \(2,\) and float32", fs.zeros(1, 3),
     fs.tensor([1]), {"weight": fs.ones(2)}),
    (ValueError, "'average' is not a valid value for reduction", fs.zeros(1, 3), fs.tensor([1]),
     {"reduction": "average"}),
    (RuntimeError, "label_smoothing must be between 0 and 1, got 1.5", fs.zeros(1, 3), fs.tensor([1]),
     {"label_smoothing": 1.5}),
    (TypeError, "cross_entropy: expected a Tensor, got list", fs.zeros(1, 3), [1], {}),
]  # fmt: skip


@pytest.mark.parametrize(("error", "message", "x", "t", "options"), ERRORS, ids=[e[1][:30] for e in ERRORS])
def test_cross_entropy_errors(error: type[Exception], message: str, x: Any, t: Any, options: dict[str, Any]) -> None:
    with pytest.raises(error, match=message):
        loss.cross_entropy(x, t, **options)


def test_losses_of_differences() -> None:
    x, t = fs.tensor([1.0, 2.0, 6.0]), fs.tensor([1.0, 2.5, 3.0])
    assert loss.mse_loss(x, t, reduction="none").tolist() == [0, 0.25, 9]
    assert loss.l1_loss(x, t, reduction="sum").item() == 3.5
    assert loss.huber_loss(x, t, reduction="none", delta=2.0).tolist() == [0, 0.125, 4]
    assert loss.smooth_l1_loss(x, t, reduction="none", beta=2.0).tolist() == [0, 0.0625, 2]
    assert loss.smooth_l1_loss(x, t, reduction="none", beta=0.0).tolist() == [0, 0.5, 3]
    with pytest.raises(ValueError, match="huber_loss: delta must be positive, got 0"):
        loss.huber_loss(x, t, delta=0)
    with pytest.raises(ValueError, match="smooth_l1_loss: beta must not be negative, got -1"):
        loss.smooth_l1_loss(x, t, beta=-1)


def test_broadcasting_a_target_is_warned_about() -> None:
    with pytest.warns(UserWarning, match=r"mse_loss: input \(4, 1\) and target \(4,\) differ in shape"):
        loss.mse_loss(fs.zeros(4, 1), fs.zeros(4))


def test_binary_cross_entropy() -> None:
    x = fs.tensor([0.0, 1.0, 0.25], requires_grad=True)
    t = fs.tensor([1.0, 1.0, 1.0])
    y = loss.binary_cross_entropy(x, t, reduction="none")
    np.testing.assert_allclose(y.detach().numpy(), [100, 0, math.log(4)], rtol=1e-6)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [-1e12, 0, -4], rtol=1e-6)
    with pytest.raises(RuntimeError, match=r"input must lie in \[0, 1\], got 1.5"):
        loss.binary_cross_entropy(fs.tensor([0.5, 1.5]), fs.tensor([0.0, 0.0]))
    with pytest.raises(ValueError, match=r"target must have input's shape \(3,\), got \(2,\)"):
        loss.binary_cross_entropy(x, fs.zeros(2))


def test_binary_cross_entropy_with_logits_does_not_overflow() -> None:
    x = fs.tensor([1000.0, -1000.0, 0.0])
    y = loss.binary_cross_entropy_with_logits(x, fs.tensor([0.0, 0.0, 1.0]), reduction="none")
    np.testing.assert_allclose(y.numpy(), [1000, 0, math.log(2)], rtol=1e-6)


def test_kl_div_is_zero_between_equals_and_takes_empty_classes() -> None:
    p = fs.tensor([[0.5, 0.5, 0.0]])
    assert loss.kl_div(fs.log(fs.tensor([[0.5, 0.5, 1.0]])), p, reduction="batchmean").item() == pytest.approx(0)
    assert loss.kl_div(fs.log(p + 1e-30), p, reduction="sum").item() == pytest.approx(0)


RNG = np.random.default_rng(0)
LABELS = np.where(RNG.random((5, 2, 3)) < 0.3, -100, RNG.integers(0, 4, (5, 2, 3)))
WEIGHT = np.linspace(0.5, 2, 4)
GIVEN: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("cross_entropy", (RNG.normal(0, 3, (5, 4)), LABELS[:, 0, 0]), {}),
    ("cross_entropy", (RNG.normal(0, 3, (5, 4, 2, 3)), LABELS), {}),
    ("cross_entropy", (RNG.normal(0, 3, (5, 4, 2, 3)), LABELS), {"weight": WEIGHT}),
    ("cross_entropy", (RNG.normal(0, 3, (5, 4, 2, 3)), LABELS), {"weight": WEIGHT, "label_smoothing": 0.3}),
    ("cross_entropy", (RNG.normal(0, 3, (5, 4)), RNG.dirichlet(np.ones(4), 5)), {"label_smoothing": 0.3}),
    ("cross_entropy", (RNG.normal(0, 3, (5, 4)), RNG.dirichlet(np.ones(4), 5)), {"weight": WEIGHT}),
    ("cross_entropy", (RNG.normal(0, 3, 4), np.array(2)), {}),
    ("nll_loss", (RNG.normal(0, 3, (5, 4)), LABELS[:, 0, 0]), {"weight": WEIGHT}),
    ("nll_loss", (RNG.normal(0, 3, (5, 4, 2, 3)), LABELS), {}),
    ("mse_loss", (RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4))), {}),
    ("l1_loss", (RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4))), {}),
    ("huber_loss", (RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4))), {"delta": 0.7}),
    ("smooth_l1_loss", (RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4))), {"beta": 0.7}),
    ("binary_cross_entropy", (RNG.random((5, 4)), RNG.random((5, 4))), {"weight": WEIGHT}),
    ("binary_cross_entropy_with_logits", (RNG.normal(0, 9, (5, 4)), RNG.random((5, 4))), {"pos_weight": WEIGHT}),
    ("kl_div", (RNG.normal(size=(5, 4)), RNG.random((5, 4))), {}),
    ("kl_div", (RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4))), {"log_target": True}),
]  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("case", range(len(GIVEN)), ids=lambda i: f"{GIVEN[i][0]}-{i}")
def test_as_in_pytorch(case: int, reduction: str, recwarn: Any) -> None:
    torch = pytest.importorskip("torch")
    name, arrays, options = GIVEN[case]
    results = []
    for place, tensor in ((torch.nn.functional, torch.tensor), (loss, fs.tensor)):
        tensors = [tensor(a) for a in arrays]
        for t in tensors:
            t.requires_grad = t.is_floating_point()
        extra = {k: tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
        y = getattr(place, name)(*tensors, **extra, reduction=reduction)
        y.backward(tensor(np.random.default_rng(1).standard_normal(tuple(y.shape))))
        results.append([y.detach().numpy()] + [t.grad.numpy() for t in tensors if t.grad is not None])
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def test_cross_entropy_refuses_labels_changed_before_the_way_back() -> None:
    x = fs.tensor(np.zeros((2, 3)), requires_grad=True)
    target = fs.tensor([0, 1])
    y = loss.cross_entropy(x, target)
    target += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()
