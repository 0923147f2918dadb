"""Softmax and its kin as a user meets them: values, ends of the range, errors; and PyTorch beside them."""

import math

import numpy as np
import pytest

import fastscratch as fs

INF, NAN = math.inf, math.nan


def test_values() -> None:
    x = fs.tensor([[0.0, math.log(2.0), math.log(5.0)]], dtype=fs.float64)
    np.testing.assert_allclose(fs.softmax(x, 1).numpy(), [[0.125, 0.25, 0.625]], rtol=1e-15)
    np.testing.assert_allclose(fs.log_softmax(x, 1).numpy(), np.log([[0.125, 0.25, 0.625]]), rtol=1e-15)
    np.testing.assert_allclose(fs.logsumexp(x, 1).numpy(), [math.log(8)], rtol=1e-15)
    np.testing.assert_allclose(fs.softmin(x, 1).numpy(), np.array([[10, 5, 2]]) / 17, rtol=1e-15)


def test_nothing_overflows() -> None:
    x = fs.tensor([1e4, 1e4, -1e4])
    np.testing.assert_array_equal(x.softmax(0).numpy(), [0.5, 0.5, 0])
    np.testing.assert_allclose(x.log_softmax(0).numpy(), [-math.log(2), -math.log(2), -2e4 - math.log(2)], rtol=1e-6)
    assert x.logsumexp(0).item() == pytest.approx(1e4 + math.log(2))


def test_infinities() -> None:
    x = fs.tensor([[-INF, -INF], [-INF, 1.0], [INF, 1.0], [NAN, 1.0]])
    np.testing.assert_array_equal(x.softmax(1).numpy(), [[NAN, NAN], [0, 1], [NAN, NAN], [NAN, NAN]])
    np.testing.assert_array_equal(x.log_softmax(1).numpy(), [[NAN, NAN], [-INF, 0], [NAN, NAN], [NAN, NAN]])
    np.testing.assert_array_equal(x.logsumexp(1).numpy(), [-INF, 1, INF, NAN])


def test_shapes_of_logsumexp() -> None:
    x = fs.zeros(2, 3, 4)
    assert x.logsumexp(1).shape == (2, 4)
    assert x.logsumexp((0, 2)).shape == (3,)
    assert x.logsumexp((0, -1), keepdim=True).shape == (1, 3, 1)
    assert fs.logsumexp(fs.zeros(2, 0), 1).tolist() == [-INF, -INF]
    assert fs.logsumexp(fs.tensor(3.0), 0).shape == ()
    np.testing.assert_allclose(x.logsumexp((0, 2)).numpy(), np.full(3, math.log(8)), rtol=1e-6)


def test_dtype_is_cast_first() -> None:
    y = fs.softmax(fs.tensor([1, 1]), dim=0, dtype=fs.float64)
    assert y.dtype == fs.float64 and y.tolist() == [0.5, 0.5]
    assert fs.logsumexp(fs.tensor([1, 1]), 0).dtype == fs.float32


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_errors(name: str) -> None:
    function = getattr(fs, name)
    with pytest.raises(IndexError, match=rf"{name}: dim must be in \[-2, 1\], got 2"):
        function(fs.zeros(2, 3), 2)
    with pytest.raises(RuntimeError, match=rf"{name}: expected a floating dtype, got int64"):
        function(fs.tensor([1, 2]), 0)
    with pytest.raises(TypeError, match=f"{name}: expected a Tensor, got list"):
        function([1.0], 0)


def test_logsumexp_errors() -> None:
    with pytest.raises(RuntimeError, match="logsumexp: a dim appears twice"):
        fs.logsumexp(fs.zeros(2, 3), (0, -2))
    with pytest.raises(IndexError, match="logsumexp: dim must be in"):
        fs.logsumexp(fs.zeros(2, 3), 5)


def test_channels_last_memory_stays_as_it_is() -> None:
    image = np.moveaxis(np.random.default_rng(0).standard_normal((2, 4, 5, 3)), -1, 1)
    assert fs.softmax(fs.from_numpy(image), 1).array.strides == image.strides


@pytest.mark.parametrize("shape", [(4, 7), (3, 5, 2), (2, 3, 4, 5)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp", "softmin"])
def test_as_in_pytorch(name: str, shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    data = rng.normal(0, 3, shape)
    data[0, 0] = -INF
    for dim in range(-len(shape), len(shape)):
        a, b = torch.tensor(data, requires_grad=True), fs.tensor(data, requires_grad=True)
        place = torch if hasattr(torch, name) else torch.nn.functional
        theirs, ours = getattr(place, name)(a, dim), getattr(fs, name)(b, dim)
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-13)
        dy = rng.standard_normal(ours.shape)
        theirs.backward(torch.tensor(dy))
        ours.backward(fs.tensor(dy))
        np.testing.assert_allclose(b.grad.numpy(), a.grad.numpy(), rtol=1e-12, atol=1e-14)
