"""Normalisation by value, its running statistics, its accuracy far from zero, its errors."""

from collections.abc import Callable

import numpy as np
import pytest
from conftest import needs_extension
from harness import corrupted

import fastscratch as fs
from fastscratch.ops.norm import batch_norm, group_norm, instance_norm, layer_norm


def _random(*shape: int, seed: int = 0, dtype: type = np.float64) -> fs.Tensor:
    return fs.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


def test_batch_norm_by_hand() -> None:
    x = fs.tensor([[1.0, 10.0], [3.0, 20.0]])
    y = batch_norm(x, None, None, fs.tensor([2.0, 1.0]), fs.tensor([0.5, 0.0]), training=True, eps=0.0)
    assert y.tolist() == [[-1.5, -1.0], [2.5, 1.0]]


@pytest.mark.parametrize("shape", [(8, 3), (4, 3, 5), (2, 3, 4, 5), (2, 3, 2, 2, 3)])
def test_batch_norm_over_all_axes_but_channels(shape: tuple[int, ...]) -> None:
    x = _random(*shape)
    y = np.moveaxis(batch_norm(x, None, None, training=True, eps=0.0).numpy(), 1, -1).reshape(-1, 3)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(y.var(axis=0), 1, rtol=1e-13)


def test_running_statistics_follow_torch_rule() -> None:
    x, mean, var = _random(6, 4), fs.zeros(4, dtype=fs.float64), fs.ones(4, dtype=fs.float64)
    batch_norm(x, mean, var, training=True, momentum=0.25)
    np.testing.assert_allclose(mean.numpy(), 0.25 * x.numpy().mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(var.numpy(), 0.75 + 0.25 * x.numpy().var(axis=0, ddof=1), rtol=1e-13)


RUNNING: dict[str, Callable[[np.ndarray], fs.Tensor]] = {
    "as they are": lambda a: fs.from_numpy(a.copy()),
    "every second": lambda a: fs.from_numpy(np.repeat(a, 2)[::2]),
    "unaligned": lambda a: fs.from_numpy(np.frombuffer(bytearray(b"." + a.tobytes()), np.uint8)[1:].view(a.dtype)),
    "a view": lambda a: fs.from_numpy(np.stack([a, a]))[1],
    "float64": lambda a: fs.from_numpy(a.astype(np.float64)),
    "float16": lambda a: fs.from_numpy(a.astype(np.float16)),
}


@pytest.mark.parametrize("name", RUNNING)
@pytest.mark.parametrize("given", ["both", "mean", "var"])
def test_running_statistics_wherever_they_lie(name: str, given: str) -> None:
    x, start = _random(7, 4, 3, dtype=np.float32), np.array([0.5, 2.0, 1.0, 4.0], np.float32)
    mean = RUNNING[name](start) if given != "var" else None
    var = RUNNING[name](start) if given != "mean" else None
    y = batch_norm(x, mean, var, training=True, momentum=0.3)
    np.testing.assert_array_equal(y.numpy(), batch_norm(x, None, None, training=True).numpy())
    rtol = 1e-3 if name == "float16" else 1e-6
    wide = x.numpy().astype(np.float64)
    if mean is not None:
        np.testing.assert_allclose(mean.numpy(), 0.7 * start + 0.3 * wide.mean(axis=(0, 2)), rtol=rtol)
    if var is not None:
        np.testing.assert_allclose(var.numpy(), 0.7 * start + 0.3 * wide.var(axis=(0, 2), ddof=1), rtol=rtol)


def test_layers_with_the_same_running_statistics() -> None:
    first, second = fs.nn.BatchNorm1d(2, momentum=0.5), fs.nn.BatchNorm1d(2, momentum=0.5)
    second.running_mean, second.running_var = first.running_mean, first.running_var
    for layer in (first, second):
        layer(fs.tensor([[0.0, 4.0], [2.0, 8.0]]))
    assert second.running_mean.tolist() == [0.75, 4.5] and second.running_var.tolist() == [1.75, 6.25]


def test_interleaved_running_statistics() -> None:
    both = fs.zeros(3, 2, dtype=fs.float64)
    x = _random(6, 3)
    batch_norm(x, both[:, 0], both[:, 1], training=True, momentum=1.0)
    np.testing.assert_allclose(both.numpy()[:, 0], x.numpy().mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(both.numpy()[:, 1], x.numpy().var(axis=0, ddof=1), rtol=1e-13)


@pytest.mark.parametrize("momentum", [0.3, None])
@pytest.mark.parametrize("affine", [True, False])
def test_layer_over_several_batches(momentum: float | None, affine: bool) -> None:
    layer = fs.nn.BatchNorm1d(3, momentum=momentum, affine=affine, dtype=fs.float64)
    mean, var = np.zeros(3), np.ones(3)
    for seed in range(4):
        x = _random(5, 3, seed=seed)
        layer(x)
        factor = 1 / (seed + 1) if momentum is None else momentum
        mean = (1 - factor) * mean + factor * x.numpy().mean(axis=0)
        var = (1 - factor) * var + factor * x.numpy().var(axis=0, ddof=1)
    assert layer.num_batches_tracked.item() == 4 and layer.num_batches_tracked.dtype == fs.int64
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(layer.running_var.numpy(), var, rtol=1e-12)


def test_running_statistics_that_an_operation_saved_are_guarded() -> None:
    mean, var, w = fs.ones(3), fs.ones(3), fs.ones(3, requires_grad=True)
    z = w * mean
    batch_norm(_random(5, 3, dtype=np.float32), mean, var, training=True)
    with pytest.raises(RuntimeError, match="the gradient of mul needs was changed in place"):
        z.sum().backward()


def test_running_statistics_that_cannot_be_changed() -> None:
    x = _random(5, 3, dtype=np.float32)
    fixed = np.zeros(3, np.float32)
    fixed.flags.writeable = False
    with pytest.raises(RuntimeError, match="read-only"):
        batch_norm(x, fs.Tensor(fixed), fs.ones(3), training=True)
    with pytest.raises(TypeError, match="same_kind"):
        batch_norm(x, fs.zeros(3, dtype=fs.int64), None, training=True)
    with pytest.raises(RuntimeError, match=r"running_var should have shape \(3,\), got \(2,\)"):
        batch_norm(x, None, fs.ones(2), training=True)


def test_kernel_with_one_value_per_channel_has_no_unbiased_variance() -> None:
    one, kernel = np.ones((1, 2)), fs.backend.batch_norm_forward
    mean = np.zeros(2)
    kernel(one, None, None, mean, None, 0.5, 1e-5)
    assert mean.tolist() == [0.5, 0.5]
    with pytest.raises(ValueError, match=r"running_var needs 2 values per channel, got x of shape \(1, 2\)"):
        kernel(one, None, None, None, np.ones(2), 0.5, 1e-5)


@needs_extension
@pytest.mark.parametrize("output", [0, 1, -1])
def test_wrong_running_statistics_are_named(output: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastscratch.backend import _c

    wrong = corrupted(_c.batch_norm_forward, fs.backend._numpy.batch_norm_forward.inplace, output)
    monkeypatch.setattr(_c, "batch_norm_forward", wrong)
    with fs.backend.use("check"), pytest.raises(fs.backend.BackendMismatch, match=r"^batch_norm_forward\("):
        batch_norm(_random(5, 3), fs.zeros(3, dtype=fs.float64), fs.ones(3, dtype=fs.float64), training=True)


def test_evaluation_uses_running_statistics_and_leaves_them() -> None:
    x, mean, var = _random(5, 3), fs.tensor([1.0, 2.0, 3.0], dtype=fs.float64), fs.tensor([4.0] * 3, dtype=fs.float64)
    y = batch_norm(x, mean, var, eps=0.0)
    np.testing.assert_allclose(y.numpy(), (x.numpy() - [1, 2, 3]) / 2, rtol=1e-14)
    assert mean.tolist() == [1, 2, 3] and var.tolist() == [4, 4, 4]


def test_evaluation_gradient_survives_a_later_training_batch() -> None:
    x, mean, var = _random(5, 3).requires_grad_(), fs.zeros(3, dtype=fs.float64), fs.ones(3, dtype=fs.float64)
    y = batch_norm(x, mean, var, eps=0.0)
    batch_norm(_random(5, 3, seed=1), mean, var, training=True)
    y.backward(fs.ones(5, 3, dtype=fs.float64))
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), np.ones((5, 3)))


def test_statistics_of_a_mean_large_beside_the_deviation() -> None:
    """float32 at 10,000 +- 1: a sum of squares would have no correct digit of the variance."""
    x = (1e4 + np.random.default_rng(0).standard_normal((5000, 6))).astype(np.float32)
    _, mean, var, rstd = fs.backend.batch_norm_forward(x, None, None, None, None, 0.1, 0.0)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(var, exact.var(axis=0), rtol=2e-5)
    np.testing.assert_allclose(rstd, 1 / exact.std(axis=0), rtol=1e-5)
    _, mean, rstd = fs.backend.layer_norm_forward(np.ascontiguousarray(x.T), None, None, 0.0)
    np.testing.assert_allclose(mean, exact.mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(rstd, 1 / exact.std(axis=0), rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_constant_channels_give_zero_not_nan(value: float) -> None:
    x = fs.from_numpy(np.full((7, 33), value, np.float32))
    assert np.abs(batch_norm(x, None, None, training=True).numpy()).max() < 1e-4 * max(1, value)
    assert np.isfinite(layer_norm(x, (33,)).numpy()).all()


def test_channels_last_stays_channels_last() -> None:
    x = np.moveaxis(np.random.default_rng(0).standard_normal((2, 5, 4, 3)), -1, 1)
    y = batch_norm(fs.from_numpy(x), None, None, training=True).numpy()
    assert y.strides == x.strides
    np.testing.assert_allclose(y, batch_norm(fs.from_numpy(x.copy()), None, None, training=True).numpy(), rtol=1e-12)


def test_layer_norm_over_several_axes() -> None:
    x, w, b = _random(2, 3, 4), _random(3, 4, seed=1), _random(3, 4, seed=2)
    expected = np.stack([(s - s.mean()) / np.sqrt(s.var() + 1e-5) for s in x.numpy()]) * w.numpy() + b.numpy()
    np.testing.assert_allclose(layer_norm(x, (3, 4), w, b).numpy(), expected, rtol=1e-12, atol=1e-13)


def test_group_norm_between_layer_and_instance_norm() -> None:
    x = _random(3, 4, 5)
    np.testing.assert_allclose(group_norm(x, 1).numpy(), layer_norm(x, (4, 5)).numpy(), rtol=1e-13)
    np.testing.assert_allclose(instance_norm(x).numpy(), layer_norm(x, (5,)).numpy(), rtol=1e-13)
    halves = group_norm(x, 2).numpy().reshape(3, 2, -1)
    np.testing.assert_allclose(halves.mean(axis=-1), 0, atol=1e-14)


@pytest.mark.parametrize("shape", [(1, 3), (0, 3), (1, 3, 1, 1)])
def test_training_needs_two_values(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"Expected more than 1 value per channel when training, got input size \("):
        batch_norm(fs.zeros(*shape), None, None, training=True)


def test_batch_norm_errors() -> None:
    x = fs.zeros(2, 3)
    with pytest.raises(RuntimeError, match="running_mean must be defined in evaluation mode"):
        batch_norm(x, None, None)
    with pytest.raises(RuntimeError, match="running_var must be defined in evaluation mode"):
        batch_norm(x, fs.zeros(3), None)
    with pytest.raises(RuntimeError, match=r"weight should have shape \(3,\), got \(2,\)"):
        batch_norm(x, None, None, fs.ones(2), training=True)
    with pytest.raises(RuntimeError, match="at least 2 axes"):
        batch_norm(fs.zeros(3), None, None, training=True)
    with pytest.raises(TypeError, match="expected a Tensor, got list"):
        batch_norm([1.0], None, None)  # type: ignore[arg-type]


@pytest.mark.skipif(fs.backend.name() == "numpy", reason="NumPy mixes types")
def test_mixed_types_are_refused() -> None:
    with pytest.raises(RuntimeError, match="weight must be float32 like the other operands, got float64"):
        batch_norm(fs.zeros(2, 3), None, None, fs.ones(3, dtype=fs.float64), training=True)
    with pytest.raises(RuntimeError, match="x must be float32 or float64, got int64"):
        layer_norm(fs.tensor([[1, 2]]), (2,))


def test_layer_norm_errors() -> None:
    x = fs.zeros(2, 3)
    with pytest.raises(RuntimeError, match=r"shape \(2, 3\) does not end in normalized_shape \(2,\)"):
        layer_norm(x, (2,))
    with pytest.raises(RuntimeError, match=r"does not end in normalized_shape \(\)"):
        layer_norm(x, ())
    with pytest.raises(TypeError, match="normalized_shape must be a sequence of int, got int"):
        layer_norm(x, 3)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match=r"bias should have shape \(3,\), got \(2,\)"):
        layer_norm(x, (3,), bias=fs.zeros(2))


def test_group_and_instance_norm_errors() -> None:
    with pytest.raises(RuntimeError, match=r"2 groups do not divide the channels of input of shape \(2, 3, 4\)"):
        group_norm(fs.zeros(2, 3, 4), 2)
    with pytest.raises(RuntimeError, match=r"weight should have shape \(4,\), got \(2,\)"):
        group_norm(fs.zeros(2, 4, 3), 2, fs.ones(2))
    with pytest.raises(ValueError, match="Expected more than 1 spatial element when training"):
        instance_norm(fs.zeros(2, 3, 1))
    with pytest.raises(NotImplementedError, match="running statistics"):
        instance_norm(fs.zeros(2, 3, 4), fs.zeros(3))


def test_like_torch() -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    rng = np.random.default_rng(5)
    arrays = [rng.standard_normal(s) for s in [(3, 4, 5, 2), (4,), (4,)]]
    dy, running = rng.standard_normal((3, 4, 5, 2)), [rng.standard_normal(4), rng.uniform(0.5, 1.5, 4)]
    for training in (True, False):
        results = []
        for make, operation in ((torch.from_numpy, functional.batch_norm), (fs.from_numpy, batch_norm)):
            x, w, b = (make(a.copy()).requires_grad_() for a in arrays)
            mean, var = (make(a.copy()) for a in running)
            y = operation(x, mean, var, w, b, training=training, momentum=0.3, eps=1e-3)
            y.backward(make(dy))
            results.append([np.asarray(t.detach()) for t in (y, x.grad, w.grad, b.grad, mean, var)])
        for expected, got in zip(*results, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)
    for operation, twin in ((layer_norm, functional.layer_norm), (group_norm, functional.group_norm)):
        shape = (4, 5, 2) if operation is layer_norm else 2
        got = operation(fs.from_numpy(arrays[0]), shape).numpy()
        np.testing.assert_allclose(got, twin(torch.from_numpy(arrays[0]), shape).numpy(), rtol=1e-10, atol=1e-12)


def test_a_batch_that_is_refused_does_not_count() -> None:
    layer = fs.nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match="value"):
        layer(fs.ones(1, 3))
    assert layer.num_batches_tracked.item() == 0
    layer(fs.ones(2, 3))
    assert layer.num_batches_tracked.item() == 1
