"""What was found at the kernels' door by passing on what no operation would: an error, and nothing written out of place."""

from typing import Any

import numpy as np
import pytest
from conftest import needs_extension

import fastscratch as fs
from fastscratch import backend

F32 = np.float32


def c(name: str, *arguments: Any) -> Any:
    """A kernel of the extension itself."""
    return getattr(backend._c, name)(*arguments)


def images(*shape: int) -> np.ndarray:
    return np.ones(shape, F32)


@needs_extension
@pytest.mark.parametrize("window", [(2,), (2, 2, 2), (), 2, (1 << 32, 1 << 32)])
def test_windows_that_are_no_pair_or_too_large(window: Any) -> None:
    x, w = images(1, 2, 6, 6), images(3, 2, 3, 3)
    rest = (x, w, None, (1, 1), (0, 0), (1, 1), 1, window)
    with pytest.raises((TypeError, ValueError)):
        c("conv2d_pool_forward", *rest, True)
    y, code = images(1, 3, 2, 2), np.zeros((1, 3, 2, 2), np.uint8)
    with pytest.raises((TypeError, ValueError)):
        c("conv2d_pool_backward", y, code, *rest[:2], *rest[3:], True, True, True)


@needs_extension
def test_paddings_whose_double_is_no_number() -> None:
    for padding in (1 << 62, (1 << 63) - 1, (1 << 62) + 5):
        with pytest.raises(ValueError, match="at most half of the kernel"):
            c("max_pool2d_forward", images(1, 1, 8, 8), (1, 1), (1, 1), (padding, 0), (1, 1), False)
        with pytest.raises(ValueError, match="at most half of the kernel"):
            c("avg_pool2d_forward", images(1, 1, 8, 8), (1, 1), (1, 1), (0, padding), False, True, None)


@needs_extension
def test_an_image_whose_pixels_are_too_many_to_count() -> None:
    with pytest.raises(ValueError, match="pixels is too large"):
        c("adaptive_avg_pool2d_backward", images(1, 1, 1, 1), (1, 1, 1 << 32, 1 << 32))


@needs_extension
def test_rows_without_a_pixel_take_no_time() -> None:
    x = images(1, 2, 3, 2)
    y = c("adaptive_avg_pool2d_forward", x, (1 << 40, 0))
    assert y.shape == (1, 2, 1 << 40, 0)
    dx = c("adaptive_avg_pool2d_backward", y, x.shape)
    np.testing.assert_array_equal(dx, np.zeros_like(x))


@needs_extension
def test_lines_without_an_element_take_no_time() -> None:
    x = np.zeros((1 << 40, 0), F32)
    for name in ("softmax", "log_softmax"):
        assert c(f"{name}_forward", x, 1).shape == x.shape
        assert c(f"{name}_backward", x, x, 1).shape == x.shape


def test_a_product_with_more_elements_than_can_be_counted() -> None:
    """Nothing times nothing, 2^65 times: the count would come round to 0."""
    a, b = np.zeros((2, 1 << 32, 0), F32), np.zeros((2, 0, 1 << 32), F32)
    with pytest.raises((ValueError, MemoryError, RuntimeError)):
        fs.from_numpy(a) @ fs.from_numpy(b)


@pytest.mark.parametrize("axes", [33, 40, 64])
def test_as_many_axes_as_numpy_has(axes: int) -> None:
    values = np.random.default_rng(0).standard_normal((2, 3)).astype(F32)
    x = fs.from_numpy(values.reshape(2, *[1] * (axes - 2), 3))
    flat = fs.from_numpy(values)
    for operation in (
        fs.exp,
        lambda t: fs.softmax(t, -1),
        lambda t: fs.logsumexp(t, -1),
        lambda t: t * 2,
        lambda t: t > 0,
    ):
        np.testing.assert_array_equal(operation(x).numpy().ravel(), operation(flat).numpy().ravel())
    fs.manual_seed(0)
    dropped = fs.nn.functional.dropout(x, 0.5)
    fs.manual_seed(0)
    np.testing.assert_array_equal(dropped.numpy().ravel(), fs.nn.functional.dropout(flat, 0.5).numpy().ravel())
    turned = fs.from_numpy(np.asarray(x.numpy(), order="F"))  # neither in C order nor with few axes
    assert fs.nn.functional.dropout(turned, 0.5).shape == x.shape
    assert (turned < 0).shape == x.shape


@pytest.mark.parametrize("axes", [33, 45, 63])
def test_adding_where_indices_repeat_on_many_axes(axes: int) -> None:
    """NumPy's own ufunc.at reads out of bounds there."""
    shape = (2, *[1] * (axes - 2), 3)
    index = fs.tensor([[2, 0, 2], [1, 1, 0]])
    for operation in (
        lambda t, i: fs.gather(t, -1, i),
        lambda t, i: fs.index_select(t, t.ndim - 1, i.reshape(-1)),
        lambda t, i: t[..., i.reshape(-1)],
        lambda t, i: fs.scatter_add(t, -1, i, t),
        lambda t, i: fs.index_add(t, 0, fs.tensor([1, 1]), t),
        lambda t, i: t.clone().index_put_((fs.tensor([1, 1, 0]),), t[:1], accumulate=True),
        lambda t, i: fs.nn.functional.pad(t, (2, 1), "reflect"),
    ):
        few = fs.from_numpy(np.random.default_rng(0).standard_normal((2, 3))).requires_grad_()
        many = few.detach().reshape(shape).requires_grad_()
        expected, found = operation(few, index), operation(many, index.reshape(shape))
        np.testing.assert_array_equal(found.detach().numpy().ravel(), expected.detach().numpy().ravel())
        weights = np.random.default_rng(1).standard_normal(expected.shape)
        expected.backward(fs.from_numpy(weights))
        found.backward(fs.from_numpy(weights.reshape(found.shape)))
        np.testing.assert_array_equal(many.grad.numpy().ravel(), few.grad.numpy().ravel())


@pytest.mark.parametrize("shape", [(4, 0), (4, 3)])
def test_an_index_of_many_axes(shape: tuple[int, ...]) -> None:
    x = fs.zeros(shape)
    index = fs.zeros(*[1] * 31, 6).long()
    x.index_put_((index,), fs.ones(shape[1]), accumulate=True)
    assert x.tolist() == [[6.0] * shape[1]] + [[0.0] * shape[1]] * 3


@pytest.mark.parametrize("largest", [2**63 - 1, 2**62])
def test_counts_that_cannot_be_counted(largest: int) -> None:
    """NumPy's bincount wrote out of bounds."""
    with pytest.raises(MemoryError, match=f"a count of each number up to {largest}"):
        fs.bincount(fs.tensor([0, largest, 1]))


@needs_extension
def test_no_room_to_stream() -> None:
    with pytest.raises(TypeError):
        c("run_stream", None, 1, 1, True)


@needs_extension
@pytest.mark.parametrize("wrong", [3, 1.5, "x", [0, 1], (0,)])
def test_labels_that_are_no_array(wrong: Any) -> None:
    x, labels = images(2, 3), np.array([0, 1])
    with pytest.raises(TypeError, match=r"cross_entropy: target must be a NumPy array"):
        c("cross_entropy_forward", x, wrong, None, -100, 0.0)
    with pytest.raises(TypeError, match=r"cross_entropy: weight must be a NumPy array"):
        c("cross_entropy_forward", x, labels, wrong, -100, 0.0)
    with pytest.raises(ValueError, match=r"target must have shape \(2,\), got \(3,\)"):
        c("cross_entropy_forward", x, np.zeros(3, int), None, -100, 0.0)


@needs_extension
def test_the_bound_of_a_gaussian_far_from_its_points() -> None:
    """Where the kernel is 0 and the error of its exponent is large, the bound was 0 times infinity."""
    rng = np.random.default_rng(0)
    x, z, v = (rng.standard_normal(shape).astype(F32) for shape in ((7, 3), (5, 3), (5, 2)))
    z[2, 1] = 1e9
    with backend.use("check"):
        y = backend.gram_matmul(x, z, v, "rbf", 0.05, 0.0, 0.0)
        k = backend.gram(x, z, "rbf", 0.05, 0.0, 0.0)
    assert np.isfinite(y).all() and np.isfinite(k).all()
