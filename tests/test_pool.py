"""Pooling as operations: results and errors as PyTorch, ties and NaN, shapes at random."""

import math
from typing import Any

import numpy as np
import pytest
from conftest import needs_extension, use_threads
from hypothesis import given, settings
from hypothesis import strategies as st

import fastscratch as fs
from fastscratch.ops.pool import adaptive_avg_pool2d, avg_pool2d

NAN, INF = math.nan, math.inf


def test_ties_go_to_the_first_and_their_gradient_with_them() -> None:
    x = fs.Tensor(np.array([[[2.0, 2.0, 1.0], [2.0, 0.0, 2.0]]]), requires_grad=True)
    y, at = fs.max_pool2d(x, (2, 3), return_indices=True)
    assert (y.tolist(), at.tolist(), at.dtype) == ([[[2.0]]], [[[0]]], fs.int64)
    y.sum().backward()
    assert x.grad.tolist() == [[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]


@pytest.mark.parametrize("channels", [1, 3, 40])
def test_nan_and_infinity(channels: int) -> None:
    """As PyTorch: NaN beats every number, the last NaN of several is the one, and -inf is found although padding is too."""
    row = np.array([[1.0, NAN, NAN, INF], [-INF, -INF, -INF, -INF]])
    y, at = fs.max_pool1d(fs.Tensor(np.broadcast_to(row[:, None], (2, channels, 4))), 4, return_indices=True)
    np.testing.assert_array_equal(y.numpy()[:, :, 0], [[NAN] * channels, [-INF] * channels])
    np.testing.assert_array_equal(at.numpy()[:, :, 0], [[2] * channels, [0] * channels])
    inner = fs.max_pool1d(fs.Tensor(np.full((1, 2), -INF)), 2, 1, 1, return_indices=True)
    assert (inner[0].tolist(), inner[1].tolist()) == ([[-INF, -INF, -INF]], [[0, 0, 1]])


def test_window_that_steps_over_the_image_is_empty() -> None:
    for backend in fs.backend.available():
        with fs.backend.use(backend):
            x = fs.Tensor(np.ones((1, 3, 2, 2)), requires_grad=True)
            y, at = fs.max_pool2d(x, 2, 1, 1, 3, return_indices=True)
            assert (y.tolist(), at.tolist()) == ([[[[-INF]]] * 3], [[[[-1]]] * 3])
            y.backward(np.ones(y.shape))
            np.testing.assert_array_equal(x.grad.numpy(), np.zeros((1, 3, 2, 2)))


def test_overlapping_windows_add_up() -> None:
    x = fs.Tensor(np.array([[0.0, 5.0, 1.0]]), requires_grad=True)
    fs.max_pool1d(x, 2, 1).sum().backward()
    assert x.grad.tolist() == [[0.0, 2.0, 0.0]]
    x.grad = None
    fs.avg_pool1d(x, 2, 1).sum().backward()
    assert x.grad.tolist() == [[0.5, 1.0, 0.5]]


X = (2, 3, 4, 5)


@pytest.mark.parametrize(
    ("pool", "shape", "args", "message"),
    [
        (fs.max_pool2d, (4, 5), (2,), r"max_pool2d: expected a 4-d \(batched\) or 3-d input, got shape \(4, 5\)"),
        (fs.max_pool1d, X, (2,), r"max_pool1d: expected a 3-d \(batched\) or 2-d input, got shape \(2, 3, 4, 5\)"),
        (fs.max_pool2d, (2, 0, 4, 5), (2,), r"only the batch axis may have size 0, got shape \(2, 0, 4, 5\)"),
        (fs.max_pool2d, (2, 3, 0, 5), (2,), "only the batch axis may have size 0"),
        (fs.max_pool2d, X, (0,), "kernel_size must be positive, got 0"),
        (fs.max_pool2d, X, (2, 0), "stride must be positive, got 0"),
        (fs.max_pool2d, X, (2, 1, 0, 0), "dilation must be positive, got 0"),
        (fs.max_pool2d, X, (2, 1, -1), "padding must be non-negative, got -1"),
        (fs.max_pool2d, X, (3, 1, 2), "padding must be at most half of kernel_size, got 2 and 3"),
        (fs.max_pool2d, X, ((2, 2, 2),), r"kernel_size must be an int or 2 of them, got \(2, 2, 2\)"),
        (fs.max_pool2d, X, (5,), r"no window of size 5 fits into an input of shape \(2, 3, 4, 5\)"),
        (fs.max_pool2d, X, (3, 1, 0, 2), "no window of size 3 fits"),
        (fs.max_pool1d, (3, 4), ((2, 2),), r"kernel_size must be an int or 1 of them, got \(2, 2\)"),
        (fs.max_pool1d, (3, 4), (5,), r"no window of size 5 fits into an input of shape \(3, 4\)"),
        (avg_pool2d, X, (3, 1, 2), "avg_pool2d: padding must be at most half of kernel_size"),
        (avg_pool2d, X, (2, 2, 0, False, True, 0), "divisor_override must not be 0"),
        (avg_pool2d, X, (5,), "no window of size 5 fits"),
        (fs.max_pool2d, X, (2, 2**63 - 1, 0, 1, True), "stride must be below 2"),
        (adaptive_avg_pool2d, X, (-1,), "output_size must be non-negative, got -1"),
        (adaptive_avg_pool2d, X, ((1, 2, 3),), r"output_size must be an int or 2 of them, got \(1, 2, 3\)"),
        (adaptive_avg_pool2d, (2, 3, 0, 5), (1,), "only the batch axis may have size 0"),
    ],
)
def test_bad_arguments_are_named(pool: Any, shape: Any, args: Any, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        pool(fs.ones(*shape), *args)


def test_bad_types_are_named() -> None:
    with pytest.raises(TypeError, match="max_pool2d: expected a Tensor, got ndarray"):
        fs.max_pool2d(np.ones(X), 2)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="expected a floating dtype, got int64"):
        fs.max_pool2d(fs.ones(*X, dtype=fs.int64), 2)
    with pytest.raises(TypeError, match="kernel_size must be an int or 2 of them, got '2'"):
        fs.max_pool2d(fs.ones(*X), "2")


@needs_extension
def test_binding_refuses_what_c_could_not_survive() -> None:
    x, at = np.ones(X, np.float32), np.zeros((2, 3, 2, 2), np.int32)
    dy = np.ones(at.shape, np.float32)
    pairs: Any = ((2, 2), (2, 2), (0, 0), (1, 1), False)
    with fs.backend.use("c"):
        for wrong in (20, -2):
            with pytest.raises(IndexError, match="max_pool2d_backward: an index is out of range"):
                fs.backend.max_pool2d_backward(dy, at + np.int32(wrong), X)
        with pytest.raises(ValueError, match="do not fit together"):
            fs.backend.max_pool2d_backward(dy, at[:1], X)
        with pytest.raises(ValueError, match="do not fit together"):
            fs.backend.max_pool2d_backward(dy, at, (1, 3, 4, 5))
        with pytest.raises(TypeError, match="argmax must be an int32 array, got int64"):
            fs.backend.max_pool2d_backward(dy, at.astype(np.int64), X)
        with pytest.raises(ValueError, match="at most half of the kernel"):
            fs.backend.max_pool2d_forward(x, (2, 2), (1, 1), (2, 0), (1, 1), False)
        with pytest.raises(ValueError, match="must be below 2"):
            fs.backend.max_pool2d_forward(x, (5, 5), (1, 1), (0, 0), (2**62, 2**62), False)
        with pytest.raises(ValueError, match="does not fit into images"):
            fs.backend.max_pool2d_forward(x[:, :, :1], *pairs)
        with pytest.raises(ValueError, match=r"dy must have shape \(2, 3, 2, 2\)"):
            fs.backend.avg_pool2d_backward(dy[:1], X, *pairs[:3], False, True, None)
        with pytest.raises(ValueError, match="divisor_override must not be 0"):
            fs.backend.avg_pool2d_forward(x, *pairs[:3], False, True, 0)
        with pytest.raises(ValueError, match="cannot pool images"):
            fs.backend.adaptive_avg_pool2d_forward(x, (-1, 2))


def _both_ways(pool: Any, shape: Any, args: Any) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    x = fs.Tensor(rng.standard_normal(shape).astype(np.float32), requires_grad=True)
    y = pool(x, *args)
    y.backward(rng.standard_normal(y.shape).astype(np.float32))
    return [y.detach().numpy(), x.grad.numpy()]


@needs_extension
@pytest.mark.parametrize(
    ("pool", "args"), [(fs.max_pool2d, (3, 2, 1)), (avg_pool2d, (3, 2, 1)), (adaptive_avg_pool2d, (5,))]
)
def test_work_that_is_cut_is_right_and_the_same_for_any_number_of_threads(pool: Any, args: Any) -> None:
    shape = (7, 33, 31, 29)
    with fs.backend.use("check"):
        _both_ways(pool, shape, args)
    fs.backend.use("c")
    use_threads(1)
    expected = _both_ways(pool, shape, args)
    for threads in (2, 3):
        use_threads(threads)
        for got, wanted in zip(_both_ways(pool, shape, args), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


@st.composite
def windows(draw: Any) -> Any:
    """An input and windows that fit it."""
    number = lambda low, high: draw(st.integers(low, high))  # noqa: E731
    kernel = (number(1, 4), number(1, 4))
    pad = (number(0, kernel[0] // 2), number(0, kernel[1] // 2))
    spread = (number(1, 3), number(1, 2))
    image = [max(1, spread[i] * (kernel[i] - 1) + 1 - 2 * pad[i]) + number(0, 5) for i in (0, 1)]
    shape = (number(0, 2), draw(st.sampled_from([1, 2, 5, 16, 19, 33])), *image)
    return shape, kernel, (number(1, 4), number(1, 4)), pad, spread, draw(st.booleans())


@needs_extension
@settings(max_examples=80, deadline=None, derandomize=True)
@given(windows(), st.sampled_from(["baseline", "best"]), st.booleans())
def test_any_windows_equal_the_twin(geometry: Any, isa: str, include: bool) -> None:
    shape, kernel, stride, pad, spread, ceil_mode = geometry
    with fs.backend.use("check", isa=None if isa == "best" else fs.backend.isas()[0]):
        _both_ways(fs.max_pool2d, shape, (kernel, stride, pad, spread, ceil_mode))
        _both_ways(avg_pool2d, shape, (kernel, stride, pad, ceil_mode, include))
        _both_ways(adaptive_avg_pool2d, shape, (kernel,))


def _equals(torch: Any, ours: Any, theirs: Any, shape: Any, args: Any) -> None:
    rng = np.random.default_rng(11)
    x = fs.Tensor(rng.integers(-3, 4, shape).astype(np.float64), requires_grad=True)  # with ties
    other = torch.tensor(x.detach().numpy(), requires_grad=True)
    y, expected = ours(x, *args), theirs(other, *args)
    if isinstance(y, tuple):
        np.testing.assert_array_equal(y[1].numpy(), expected[1].numpy())
        y, expected = y[0], expected[0]
    direction = rng.standard_normal(y.shape)
    y.backward(direction)
    expected.backward(torch.tensor(direction))
    np.testing.assert_allclose(y.detach().numpy(), expected.detach().numpy(), rtol=1e-14)
    np.testing.assert_allclose(x.grad.numpy(), other.grad.numpy(), rtol=1e-13, atol=1e-14)


def test_equals_torch() -> None:
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    for ceil_mode in (False, True):
        for args in ((2,), (3, 2, 1), ((2, 4), 3, (1, 2)), ((3, 1), (1, 3), 0)):
            kernel, stride, pad = (*args, None, 0)[:3] if len(args) == 1 else args
            for spread in (1, (2, 1)):
                for shape in ((2, 3, 8, 9), (3, 7, 7)):
                    full = (kernel, stride, pad, spread, ceil_mode, True)
                    _equals(torch, fs.max_pool2d, F.max_pool2d, shape, full)
            for include in (False, True):
                for divisor in (None, 5):
                    full = (kernel, stride, pad, ceil_mode, include, divisor)
                    _equals(torch, avg_pool2d, F.avg_pool2d, (2, 3, 8, 9), full)
        for full in ((3, 2, 1, 1, ceil_mode, True), (2, None, 0, 3, ceil_mode, True)):
            _equals(torch, fs.max_pool1d, F.max_pool1d, (2, 3, 10), full)
        _equals(torch, fs.avg_pool1d, F.avg_pool1d, (3, 10), (4, 3, 2, ceil_mode, False))
    for size in (1, (3, 2), (None, 4), (9, 11)):
        _equals(torch, adaptive_avg_pool2d, F.adaptive_avg_pool2d, (2, 3, 7, 8), (size,))
    _equals(torch, fs.adaptive_avg_pool1d, F.adaptive_avg_pool1d, (2, 3, 7), (3,))
